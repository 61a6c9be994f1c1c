/** zeromq, over ipc. */
import { join } from "node:path";
import { MessageCheck, MessageSource, Meter, trips } from "../data.js";
import { median } from "../measure.js";
import type { Works } from "../pair.js";
import { packageOf } from "./packages.js";

interface ZmqSocket extends AsyncIterable<Uint8Array[]> {
	bind(address: string): Promise<void>;
	connect(address: string): void;
	send(message: Uint8Array): Promise<void>;
	receive(): Promise<Uint8Array[]>;
}

type Kind = "Push" | "Pull" | "Pair";

async function socketOf(kind: Kind): Promise<ZmqSocket> {
	const zeromq = await packageOf<Record<Kind, new () => ZmqSocket>>("zeromq");
	return new zeromq[kind]();
}

const addressOf = (place: string) => `ipc://${join(place, "zeromq")}`;

async function receive(socket: ZmqSocket): Promise<Uint8Array> {
	const [bytes] = await socket.receive();
	return bytes as Uint8Array;
}

export const works: Works = {
	messages: {
		measure: async (place) => {
			const socket = await socketOf("Pull");
			await socket.bind(addressOf(place));
			const check = new MessageCheck();
			return async ({ count }) => {
				const meter = new Meter();
				for (let sequence = 0; sequence < count; sequence++) {
					check.check(await receive(socket), sequence);
					if (sequence === 0) meter.arrived(1);
				}
				return meter.rate(count);
			};
		},
		serve: async (place) => {
			const socket = await socketOf("Push");
			socket.connect(addressOf(place));
			return async (job) => {
				const source = new MessageSource();
				// Copied, because zeromq keeps each message until it is written.
				for (let sequence = 0; sequence < job.count; sequence++) {
					await socket.send(Buffer.from(source.next(sequence, job)));
				}
			};
		},
	},
	trips: {
		measure: async (place) => {
			const socket = await socketOf("Pair");
			await socket.bind(addressOf(place));
			const check = new MessageCheck();
			const source = new MessageSource();
			return async (job) => {
				const times = await trips(job, async (sequence) => {
					await socket.send(Buffer.from(source.next(sequence, job)));
					check.check(await receive(socket), sequence);
				});
				return median(times);
			};
		},
		serve: async (place) => {
			const socket = await socketOf("Pair");
			socket.connect(addressOf(place));
			return async ({ count }) => {
				for (let sequence = 0; sequence < count; sequence++) await socket.send(await receive(socket));
			};
		},
	},
};
