/** Messages of 64 B, with one call for each on both sides. */
import { MessageSource, Meter } from "../data.js";
import type { Measure } from "../measure.js";
import { iceoryx2, native } from "../native.js";
import { pair, peer, type Works } from "../pair.js";
import { InPlace, openRegion, present } from "../region.js";

const work = "messages";
const ours = pair({ name: "dhmem", role: "dhmem", from: import.meta.url, work, count: 2 ** 21 });

export const messages: Measure = {
	name: "messages",
	title: "64 B messages, one call each",
	short: "Messages of 64 B, one call each",
	unit: "M/s",
	better: "more",
	aim: { of: "ratio", atLeast: 20 },
	contenders: [
		ours,
		pair({ name: "Unix socket", role: "peer", from: peer("unix-socket"), work, count: 2 ** 17 }),
		pair({ name: "fork messages", role: "peer", from: peer("fork"), work, count: 2 ** 15 }),
		pair({ name: "zeromq", role: "peer", from: peer("zeromq"), work, count: 2 ** 15 }),
		pair({ name: "ems", role: "peer", from: peer("ems"), work, count: 2 ** 17 }),
		pair({ name: "lmdb", role: "peer", from: peer("lmdb"), work, count: 2 ** 17 }),
		pair({ name: "shm-typed-array", role: "peer", from: peer("shm-typed-array"), work, count: 2 ** 15 }),
		pair({
			name: "ringbuf.js laid over shm-typed-array",
			role: "beside",
			from: peer("ringbuf"),
			work: "messages-processes",
			count: 2 ** 20,
		}),
		pair({ name: "ringbuf.js, threads", role: "beside", from: peer("ringbuf"), work, count: 2 ** 20 }),
		pair({ name: "MessagePort, threads", role: "beside", from: peer("message-port"), work, count: 2 ** 15 }),
		iceoryx2("messages", 2 ** 21),
		native({ name: "spsc_queue in C++", role: "floor", program: "spsc", args: [work], count: 2 ** 23 }),
	],
	leavesOut:
		"The program's own work to make and use the messages. The peers are npm packages and Node's own ways to send " +
		"between processes, with one write for each message; beside them stand a combination of two packages, ways " +
		"that work only between threads, and iceoryx2, which also serves many subscribers.",
};

/** The same, compared with boost's queue for messages between processes. */
export const messageQueue: Measure = {
	name: "message-queue",
	title: "64 B messages, one call each, against C++",
	unit: "M/s",
	better: "more",
	aim: { of: "ratio", atLeast: 1 },
	contenders: [
		ours,
		native({
			name: "boost message_queue in C++",
			role: "peer",
			program: "message_queue",
			count: 2 ** 21,
		}),
		native({ name: "spsc_queue in C++", role: "floor", program: "spsc", args: [work], count: 2 ** 23 }),
	],
	leavesOut: "message_queue has many producers and consumers, and priorities; a queue of dhmem has neither.",
};

const NAME = "messages";
const options = { capacity: "1MiB" } as const;

export const works: Works = {
	messages: {
		measure: (place) => {
			const region = openRegion(place);
			const inPlace = new InPlace();
			return ({ count }) => {
				using consumer = region.queue(NAME, options).consumer();
				const meter = new Meter();
				for (let sequence = 0; sequence < count; sequence++) {
					const message = present(consumer.tryReceive() ?? consumer.receiveSync());
					inPlace.check(message, sequence);
					message.release();
					if (sequence === 0) meter.arrived(1);
				}
				return meter.rate(count);
			};
		},
		serve: (place) => {
			const region = openRegion(place);
			return (job) => {
				using producer = region.queue(NAME, options).producer();
				const source = new MessageSource();
				for (let sequence = 0; sequence < job.count; sequence++) {
					const bytes = source.next(sequence, job);
					if (!producer.trySend(bytes)) producer.sendSync(bytes);
				}
			};
		},
	},
};
