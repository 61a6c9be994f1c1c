/** The receiving end of a link over NATS: what has arrived, and who waits for it. */
import { clearTimeout, setTimeout } from "node:timers";
import { OK } from "../../../assembly/layout.js";
import { DhmemError } from "../../errors.js";
import { messageInBlocks } from "../../queue/making-messages.js";
import type { Holder, Message } from "../../queue/message.js";
import type { WaitOptions } from "../../values/arguments.js";
import { reasonOf, throwIfAborted } from "../../values/signal.js";
import { onAbort } from "../../waiting/any-signal.js";
import { breathe } from "../../waiting/breathe.js";
import { Line } from "../../waiting/line.js";
import { LONGEST_TIMER, tooLate } from "../../waiting/timeout.js";
import { completeOwnRun, noteEnd } from "../completion.js";
import { linkName, type Policy } from "../links.js";
import type { LinkReceiver } from "../transport.js";
import type { Arrival } from "./assembler.js";
import type { EndpointOptions } from "./endpoint.js";
import { type Notes, notesOf } from "./notes.js";
import { Subscriber } from "./subscriber.js";

const DEFAULT_CAPACITY = 2 ** 20;
const DEFAULT_KEEP = 16;

interface Waiting {
	settled: boolean;
	take(message: Message | undefined): void;
	fail(error: unknown): void;
}

/** A message that was not received yet, or the end. */
type Next = { readonly message: Message } | { readonly end: number };

const NOTHING = Symbol("nothing");

export class NatsReceiver implements LinkReceiver {
	readonly #options: EndpointOptions;
	readonly #what: string;
	readonly #notes: Notes;
	readonly #subscriber: Subscriber;
	readonly #holder: Holder & { gone: boolean };
	/** By the number that its message has as `hold`. */
	readonly #held = new Map<number, Arrival>();
	#arrived: Next[] = [];
	readonly #line = new Line<Waiting>();
	#count = 0;
	#hasEnded = false;
	#isClosed = false;
	#failure: unknown;

	constructor(options: EndpointOptions) {
		const { region, link, task } = options;
		this.#options = options;
		this.#what = `a message from ${linkName(link)}`;
		completeOwnRun(region, task, link);
		this.#notes = notesOf(region, link);
		this.#notes.receiving = 0;
		this.#notes.polling = 0;
		this.#holder = {
			gone: false,
			isGone: () => this.#isClosed,
			finish: (hold, _, keep) => this.#finish(hold, keep === 1),
			giveBack: (message) => this.giveBack([message]),
		};
		this.#subscriber = new Subscriber(options, this.#notes, {
			onMessage: (arrival) => this.#onMessage(arrival),
			onEnd: (position) => this.#add({ end: position }),
			onFailure: (error) => this.#fail(error),
		});
	}

	get ended(): boolean {
		return this.#hasEnded && this.#arrived.length === 0;
	}

	#onMessage(arrival: Arrival): void {
		const { region, link } = this.#options;
		const hold = ++this.#count;
		this.#held.set(hold, arrival);
		const isLarge = arrival.carried === undefined && arrival.length > largestInline(link);
		const message = region.lookWith((attachment) =>
			messageInBlocks(attachment, this.#holder, hold, arrival, isLarge),
		);
		this.#dropOlder();
		this.#add({ message });
	}

	/** What the sender drops may have arrived here already. */
	#dropOlder(): void {
		const { policy, keep = policy === "latest" ? 1 : DEFAULT_KEEP } = this.#options.link;
		if (policy === "block") return;
		while (this.#arrived.length >= keep) {
			const [oldest] = this.#arrived;
			if (oldest === undefined || !("message" in oldest)) return;
			this.#arrived.shift();
			this.#let(oldest.message.hold, false);
			oldest.message.spend();
		}
	}

	#add(next: Next): void {
		this.#arrived.push(next);
		this.#serve();
	}

	/** Gives what is there to those that wait. */
	#serve(): void {
		for (let first = this.#line.first; first !== undefined; first = this.#line.first) {
			const next = this.#next();
			if (next === NOTHING) return;
			first.take(next);
		}
	}

	/** The next message; undefined when the stream has ended. */
	#next(): Message | undefined | typeof NOTHING {
		if (this.#isClosed) throw this.#closedError();
		const next = this.#arrived.shift();
		if (next === undefined) {
			if (this.#hasEnded) return undefined;
			if (this.#failure !== undefined) throw this.#failure;
			return NOTHING;
		}
		if ("message" in next) return next.message;
		this.#hasEnded = true;
		const { region, task, link, isRun } = this.#options;
		this.#notes.again = next.end;
		noteEnd(region, task, link, isRun);
		return undefined;
	}

	tryReceive(): Message | undefined {
		const next = this.#next();
		return next === NOTHING ? undefined : next;
	}

	receive(options: WaitOptions, isLimited: boolean): Promise<Message | undefined> {
		return new Promise((resolve, reject) => {
			this.deliverTo(resolve, options, isLimited).catch(reject);
		});
	}

	async deliverTo(
		take: (message: Message | undefined) => void,
		{ timeout, signal }: WaitOptions,
		isLimited: boolean,
	): Promise<void> {
		throwIfAborted(signal);
		await breathe();
		if (this.#line.first === undefined) {
			const next = this.#next();
			if (next !== NOTHING) return take(next);
		}
		const count = isLimited ? "polling" : "receiving";
		this.#notes[count]++;
		const letGo = this.#options.hold();
		try {
			await this.#wait(take, timeout, signal);
		} finally {
			letGo();
			if (!this.#isClosed) this.#notes[count]--;
		}
	}

	#wait(
		take: (message: Message | undefined) => void,
		timeout: number | undefined,
		signal: WaitOptions["signal"],
	): Promise<void> {
		return new Promise((resolve, reject) => {
			let timer: NodeJS.Timeout | undefined;
			let stop: (() => void) | undefined;
			const settle = (act: () => void) => {
				waiting.settled = true;
				clearTimeout(timer);
				stop?.();
				act();
			};
			const waiting: Waiting = {
				settled: false,
				take: (message) =>
					settle(() => {
						take(message);
						resolve();
					}),
				fail: (error) => settle(() => reject(error)),
			};
			this.#line.enter(waiting);
			if (signal !== undefined) stop = onAbort(signal, () => waiting.fail(reasonOf(signal)));
			if (timeout !== undefined && timeout <= LONGEST_TIMER)
				timer = setTimeout(() => waiting.fail(tooLate(this.#what, timeout)), timeout);
		});
	}

	#finish(hold: number, isKept: boolean): number {
		this.#let(hold, isKept);
		if (!this.#isClosed) this.#notes.received++;
		return OK;
	}

	/** Lets a message go: frees its blocks, except one that is kept, and acknowledges it. */
	#let(hold: number, isKept: boolean): void {
		const arrival = this.#held.get(hold);
		if (arrival === undefined) return;
		this.#held.delete(hold);
		const { data, carried } = arrival;
		const kept = isKept ? (carried ?? data) : undefined;
		for (const block of [data, carried]) {
			if (block !== undefined && block === kept) block.spend();
			else block?.free();
		}
		this.#subscriber.acknowledge(arrival);
	}

	giveBack(messages: readonly Message[]): void {
		const held = messages.filter(({ hold }) => this.#held.has(hold)).map((message) => ({ message }));
		const order = (next: Next) => ("message" in next ? next.message.hold : Number.POSITIVE_INFINITY);
		this.#arrived = [...held, ...this.#arrived].sort((a, b) => order(a) - order(b));
		this.#serve();
	}

	#fail(error: unknown): void {
		this.#failure = error;
		for (let each = this.#line.first; each !== undefined; each = this.#line.first) each.fail(error);
	}

	async close(): Promise<void> {
		if (this.#isClosed) return;
		this.#isClosed = true;
		this.#holder.gone = true;
		this.#notes.receiving = 0;
		this.#notes.polling = 0;
		this.#fail(this.#closedError());
		for (const { data, carried } of this.#held.values()) {
			data?.free();
			carried?.free();
		}
		this.#held.clear();
		await this.#subscriber.close();
	}

	#closedError(): DhmemError {
		return new DhmemError(
			"DHMEM_CLOSED",
			`This task has left ${linkName(this.#options.link)}; open the input again to receive`,
		);
	}
}

/** The largest message that the link would copy into its queue in shared memory, which `take()` can't take there. */
function largestInline({
	policy,
	capacity = DEFAULT_CAPACITY,
}: {
	policy: Policy;
	capacity?: number | undefined;
}) {
	if (policy !== "block") return Number.POSITIVE_INFINITY;
	return 2 ** Math.ceil(Math.log2(Math.max(capacity, 64))) / 2 - 8;
}
