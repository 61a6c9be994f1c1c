/** Round trips: both sides spinning in loops of their own, both asleep, and both with the option `spin`. */
import type { WaitOptions } from "../../src/index.js";
import { checkRecord, MessageSource, meanTrip, recordOf, trips } from "../data.js";
import { type Measure, median } from "../measure.js";
import { iceoryx2, native } from "../native.js";
import { pair, peer, type Works } from "../pair.js";
import { InPlace, openRegion, present } from "../region.js";
import { spin } from "../spin.js";

const from = import.meta.url;
const unit = "µs";
const better = "less";

export const spinning: Measure = {
	name: "trip-spinning",
	title: "round trip, both sides spinning",
	unit,
	better,
	aim: { of: "ratio", atMost: 2.5 },
	quick: 128,
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "spinning-records", count: 2 ** 17 }),
		native({ name: "a cache line in C++", role: "peer", program: "line", count: 2 ** 18 }),
		pair({
			name: "dhmem, a message of 8 B each way",
			role: "beside",
			from,
			work: "spinning",
			count: 2 ** 17,
		}),
		pair({ name: "dhmem, 64 B each way", role: "beside", from, work: "spinning-64", count: 2 ** 17 }),
		iceoryx2("trips", 2 ** 17),
	],
	leavesOut:
		"One number each way, as with the peer: a record, pushed and popped. Each process has its own core.",
};

const socket = pair({
	name: "Unix socket",
	role: "peer",
	from: peer("unix-socket"),
	work: "trips",
	count: 2 ** 13,
});
const pipe = native({ name: "pipe in C++", role: "floor", program: "pipe", count: 2 ** 14 });

export const asleep: Measure = {
	name: "trip-asleep",
	title: "round trip, both asleep in `await receive()` (p50)",
	short: "Round trip of 64 B, both sides asleep in `await receive()`",
	unit,
	better,
	aim: { of: "ratio", atMost: 0.7 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "asleep", count: 2 ** 13 }),
		socket,
		pair({ name: "zeromq", role: "beside", from: peer("zeromq"), work: "trips", count: 2 ** 12 }),
		pair({ name: "fork messages", role: "beside", from: peer("fork"), work: "trips", count: 2 ** 12 }),
		pair({
			name: "MessagePort, threads",
			role: "beside",
			from: peer("message-port"),
			work: "trips",
			count: 2 ** 12,
		}),
		pipe,
	],
	leavesOut: "The figure is the median trip of 64 B; a busy machine wakes processes later.",
};

export const spins: Measure = {
	name: "trip-spin",
	title: "the same with `spin` of 1 ms, which no trip takes (p50)",
	short: "The same with `spin`, which keeps a core busy",
	unit,
	better,
	aim: { of: "ratio", atMost: 0.02 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "spins", count: 2 ** 14 }),
		socket,
		pair({
			name: "dhmem, `receiveSync({ spin })`",
			role: "beside",
			from,
			work: "spins-sync",
			count: 2 ** 16,
		}),
	],
	leavesOut: "Both sides keep a core busy, and their event loops do not run.",
};

export const briefly: Measure = {
	name: "trip-spin-50",
	title: "the same with `spin` of 50 µs (p50)",
	unit,
	better,
	aim: { of: "ratio", atMost: 0.2 },
	contenders: [pair({ name: "dhmem", role: "dhmem", from, work: "briefly", count: 2 ** 14 }), socket, pipe],
	leavesOut: "Both sides look for up to 50 µs before they sleep, and use a core meanwhile.",
};

/** Options of waits that look for so many milliseconds first. */
const forLong = { spin: 1 };
const forAMoment = { spin: 0.05 };

/** Opens the two queues of one side. */
function ends(place: string, asks: boolean) {
	const region = openRegion(place);
	const [out, back] = asks ? ["ping", "pong"] : ["pong", "ping"];
	const producer = region.queue(out as string, { capacity: "64KiB" }).producer();
	const consumer = region.queue(back as string, { capacity: "64KiB" }).consumer();
	return { producer, consumer, look: () => consumer.tryReceive() };
}

/** Sends one number of 8 B, which comes back. */
const spinningWork: Works[string] = {
	measure: (place) => {
		const { producer, look } = ends(place, true);
		const sent = new Float64Array(1);
		const bytes = new Uint8Array(sent.buffer);
		let values: Float64Array | undefined;
		return (job) =>
			meanTrip(job, (sequence) => {
				sent[0] = recordOf(sequence, job);
				producer.sendSync(bytes);
				const answer = spin(look);
				values ??= new Float64Array(answer.bytes.buffer);
				checkRecord(values[answer.bytes.byteOffset >> 3], sequence);
				answer.release();
			});
	},
	serve: (place) => {
		const { producer, look } = ends(place, false);
		return ({ count }) => {
			for (let sequence = 0; sequence < count; sequence++) {
				const message = spin(look);
				producer.sendSync(message.bytes);
				message.release();
			}
		};
	},
};

const spinning64: Works[string] = {
	...spinningWork,
	measure: (place) => {
		const { producer, look } = ends(place, true);
		const source = new MessageSource();
		const inPlace = new InPlace();
		return (job) =>
			meanTrip(job, (sequence) => {
				producer.sendSync(source.next(sequence, job));
				const answer = spin(look);
				inPlace.check(answer, sequence);
				answer.release();
			});
	},
};

function recordEnds(place: string, asks: boolean) {
	const region = openRegion(place);
	const options = { record: "f64", capacity: 1024 } as const;
	const [out, back] = asks ? ["ping", "pong"] : ["pong", "ping"];
	const producer = region.queue(out as string, options).producer();
	const consumer = region.queue(back as string, options).consumer();
	return { producer, look: () => consumer.pop() };
}

const spinningRecords: Works[string] = {
	measure: (place) => {
		const { producer, look } = recordEnds(place, true);
		return (job) =>
			meanTrip(job, (sequence) => {
				producer.push(recordOf(sequence, job));
				checkRecord(spin(look), sequence);
			});
	},
	serve: (place) => {
		const { producer, look } = recordEnds(place, false);
		return ({ count }) => {
			for (let sequence = 0; sequence < count; sequence++) producer.push(spin(look));
		};
	},
};

/** Round trips of 64 B on the event loop. */
function onTheLoop(options?: WaitOptions): Works[string] {
	return {
		measure: (place) => {
			const { producer, consumer } = ends(place, true);
			const source = new MessageSource();
			const inPlace = new InPlace();
			return async (job) => {
				const times = await trips(job, async (sequence) => {
					await producer.send(source.next(sequence, job));
					const answer = present(await consumer.receive(options));
					inPlace.check(answer, sequence);
					answer.release();
				});
				return median(times);
			};
		},
		serve: (place) => {
			const { producer, consumer } = ends(place, false);
			return async ({ count }) => {
				for (let sequence = 0; sequence < count; sequence++) {
					const message = present(await consumer.receive(options));
					await producer.send(message.bytes);
					message.release();
				}
			};
		},
	};
}

const spinsSync: Works[string] = {
	measure: (place) => {
		const { producer, consumer } = ends(place, true);
		const source = new MessageSource();
		const inPlace = new InPlace();
		return (job) =>
			meanTrip(job, (sequence) => {
				producer.sendSync(source.next(sequence, job));
				const answer = present(consumer.receiveSync(forLong));
				inPlace.check(answer, sequence);
				answer.release();
			});
	},
	serve: (place) => {
		const { producer, consumer } = ends(place, false);
		return ({ count }) => {
			for (let sequence = 0; sequence < count; sequence++) {
				const message = present(consumer.receiveSync(forLong));
				producer.sendSync(message.bytes);
				message.release();
			}
		};
	},
};

export const works: Works = {
	spinning: spinningWork,
	"spinning-64": spinning64,
	"spinning-records": spinningRecords,
	asleep: onTheLoop(),
	spins: onTheLoop(forLong),
	"spins-sync": spinsSync,
	briefly: onTheLoop(forAMoment),
};
