/** Messages of 64 B that are written and read in place, without objects or with few. */

import type { Measure } from "../measure.js";
import { native } from "../native.js";
import { pair, peer } from "../pair.js";

const from = new URL("./small-works.js", import.meta.url).href;
const unit = "M/s";
const better = "more";

const spsc = native({
	name: "spsc_queue in C++, one by one",
	role: "peer",
	program: "spsc",
	args: ["messages"],
	count: 2 ** 23,
});
const polled = pair({ name: "dhmem", role: "dhmem", from, work: "poll", count: 2 ** 23 });
const accessors = pair({ name: "dhmem", role: "dhmem", from, work: "accessors", count: 2 ** 21 });

const words = "On both sides, the time includes writing 16 words of each message, and comparing them.";

export const poll: Measure = {
	name: "poll",
	title: "64 B messages, `tryReserveMany` (64) and `poll`",
	short: "Messages of 64 B, many at a time (`tryReserveMany`, `poll`)",
	unit,
	better,
	aim: { of: "ratio", atLeast: 2 },
	contenders: [polled, spsc],
	leavesOut: `${words} The peer moves messages one by one.`,
};

export const pollSocket: Measure = {
	name: "poll-socket",
	title: "the same, against a socket",
	short: "The same, against a socket with batched writes",
	unit,
	better,
	aim: { of: "ratio", atLeast: 2.5 },
	contenders: [
		polled,
		pair({
			name: "Unix socket, writes of 64 KiB",
			role: "peer",
			from: peer("unix-socket"),
			work: "batches",
			count: 2 ** 21,
		}),
	],
	leavesOut: words,
};

export const structBatches: Measure = {
	name: "struct-batches",
	title: "64 B structs, `pushEach` and `poll` of a queue of structs",
	unit,
	better,
	aim: { of: "ratio", atLeast: 0.6 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "structs", count: 2 ** 23 }),
		native({
			name: "spsc_queue in C++, in batches",
			role: "peer",
			program: "spsc",
			args: ["message-batches"],
			count: 2 ** 23,
		}),
		pair({
			name: "dhmem, `pushMany` and `popInto`",
			role: "beside",
			from,
			work: "struct-bytes",
			count: 2 ** 23,
		}),
	],
	leavesOut: `${words} Batches have up to 256.`,
};

export const inPlace: Measure = {
	name: "in-place",
	title: "64 B messages, one `tryReserve` for each, and `poll`",
	unit,
	better,
	aim: { of: "ratio", atLeast: 0.8 },
	contenders: [pair({ name: "dhmem", role: "dhmem", from, work: "in-place", count: 2 ** 22 }), spsc],
	leavesOut: words,
};

const oneCall = "64 B messages, `trySend`, `tryReceive`, `readUInt32LE`, `release`";

export const accessorsEms: Measure = {
	name: "accessors",
	title: `${oneCall}, against ems`,
	unit,
	better,
	aim: { of: "ratio", atLeast: 10 },
	contenders: [
		accessors,
		pair({ name: "ems", role: "peer", from: peer("ems"), work: "messages", count: 2 ** 17 }),
	],
	leavesOut: words,
};

export const accessorsRingbuf: Measure = {
	name: "accessors-ringbuf",
	title: `${oneCall}, against packages that a user could combine`,
	unit,
	better,
	aim: { of: "ratio", atLeast: 3 },
	contenders: [
		accessors,
		pair({
			name: "ringbuf.js laid over shm-typed-array",
			role: "peer",
			from: peer("ringbuf"),
			work: "messages-processes",
			count: 2 ** 20,
		}),
	],
	leavesOut: `${words} The peer has no end of stream, and notices no death.`,
};

const none = "A figure as small as one sample means none.";

export const garbagePoll: Measure = {
	name: "garbage-poll",
	title: "garbage for a message of 64 B, `tryReserveMany` and `poll`",
	unit: "B",
	better: "less",
	aim: { of: "figure", atMost: 0.05 },
	contenders: [pair({ name: "dhmem", role: "dhmem", from, work: "garbage-poll", count: 2 ** 22 })],
	leavesOut: `Both endpoints are in one process, so the figure is their sum. ${none}`,
};

export const garbageAccessors: Measure = {
	name: "garbage-accessors",
	title: "garbage for 64 B written, read and copied by accessors",
	unit: "B",
	better: "less",
	aim: { of: "figure", atMost: 0.05 },
	contenders: [pair({ name: "dhmem", role: "dhmem", from, work: "garbage-accessors", count: 2 ** 22 })],
	leavesOut: none,
};
