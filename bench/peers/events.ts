/** The common part of peers that clone each message and deliver it as an event. */
import { type EventEmitter, once } from "node:events";
import { MessageCheck, MessageSource, Meter, trips } from "../data.js";
import { type Job, median } from "../measure.js";
import type { Works } from "../pair.js";

/** The measuring side. Messages arrive as events of `events`, and are sent by `post`. */
export interface Link {
	events: EventEmitter;
	post(message: unknown): void;
}

/** A request to the other side to send `count` messages. The other side echoes anything else. */
export type Order = Job;

async function messages({ events, post }: Link, job: Job): Promise<number> {
	const check = new MessageCheck();
	const meter = new Meter();
	let sequence = 0;
	let stop = () => {};
	const received = new Promise<void>((resolve, reject) => {
		const onMessage = (bytes: Uint8Array) => {
			try {
				check.check(bytes, sequence++);
				if (sequence === 1) meter.arrived(1);
				if (sequence === job.count) resolve();
			} catch (error) {
				reject(error);
			}
		};
		events.on("message", onMessage);
		stop = () => events.off("message", onMessage);
	});
	post(job satisfies Order);
	await received.finally(() => stop());
	return meter.rate(job.count);
}

async function roundTrips({ events, post }: Link, job: Job): Promise<number> {
	const check = new MessageCheck();
	const source = new MessageSource();
	const times = await trips(job, async (sequence) => {
		const answered = once(events, "message") as Promise<[Uint8Array]>;
		post(source.next(sequence, job));
		const [bytes] = await answered;
		check.check(bytes, sequence);
	});
	return median(times);
}

export function worksOf(start: () => Promise<Link>): Works {
	const measured = (run: (link: Link, job: Job) => Promise<number>) => ({
		measure: async () => {
			const link = await start();
			return (job: Job) => run(link, job);
		},
	});
	return { messages: measured(messages), trips: measured(roundTrips) };
}

/** The serving side. `post` resolves at once, or when there is room again. */
export function answerOrders(
	events: { on(event: "message", onMessage: (message: Order | Uint8Array) => void): unknown },
	post: (message: unknown) => void | Promise<void>,
): void {
	events.on("message", async (message: Order | Uint8Array) => {
		if (message instanceof Uint8Array) return post(message);
		const source = new MessageSource();
		for (let sequence = 0; sequence < message.count; sequence++) {
			const posted = post(source.next(sequence, message));
			if (posted) await posted;
		}
	});
}
