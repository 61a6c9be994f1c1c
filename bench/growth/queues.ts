/** The cost of a message, by how many queues one process has. */

import { performance } from "node:perf_hooks";
import type { Queue, Region } from "../../src/index.js";
import { type Growth, lineOf } from "../curve.js";
import { MessageSource, trips } from "../data.js";
import { median } from "../measure.js";
import type { Works } from "../pair.js";
import { InPlace, openRegion, present } from "../region.js";

const line = (name: string, work: string, count: number) =>
	lineOf({ name, role: "dhmem", from: import.meta.url, work, count });

export const queues: Growth = {
	name: "queues",
	title: "A message of 64 B, by how many queues there are",
	x: { label: "queues", values: [1, 3, 10, 30, 100, 300, 1000], scale: "log" },
	y: "µs",
	lines: [
		line("send and receive, one queue after another", "in-turn", 2 ** 17),
		line("round trip, `await receive()` pending on all", "pending", 2 ** 11),
	],
};

function queuesOf(region: Region, count: number) {
	return Array.from({ length: count }, (_, index) => region.queue(`queue ${index}`, { capacity: "4KiB" }));
}

export const works: Works = {
	"in-turn": {
		measure: (place) => {
			const region = openRegion(place);
			const source = new MessageSource();
			const inPlace = new InPlace();
			return (job) => {
				const ends = queuesOf(region, job.size).map((queue) => ({
					producer: queue.producer(),
					consumer: queue.consumer(),
				}));
				const started = performance.now();
				for (let sequence = 0; sequence < job.count; sequence++) {
					const { producer, consumer } = ends[sequence % job.size] as (typeof ends)[number];
					producer.trySend(source.next(sequence, job));
					const message = present(consumer.tryReceive());
					inPlace.check(message, sequence);
					message.release();
				}
				const took = performance.now() - started;
				for (const { producer, consumer } of ends) {
					producer.close();
					consumer.close();
				}
				return (took * 1000) / job.count;
			};
		},
	},
	/**
	 * One side asks through one queue after another. The other waits for all of them, and answers through a
	 * single one.
	 */
	pending: {
		measure: (place) => {
			const region = openRegion(place);
			const source = new MessageSource();
			const inPlace = new InPlace();
			return async (job) => {
				const producers = queuesOf(region, job.size).map((queue) => queue.producer());
				using consumer = region.queue("answers").consumer();
				const times = await trips(job, async (sequence) => {
					await producers[sequence % job.size]?.send(source.next(sequence, job));
					const message = present(await consumer.receive());
					inPlace.check(message, sequence);
					message.release();
				});
				for (const producer of producers) {
					producer.end();
					producer.close();
				}
				return median(times);
			};
		},
		serve: (place) => {
			const region = openRegion(place);
			return async ({ size }) => {
				using producer = region.queue("answers").producer();
				const answer = async (queue: Queue) => {
					using consumer = queue.consumer();
					for await (const message of consumer) await producer.send(message.bytes);
				};
				await Promise.all(queuesOf(region, size).map(answer));
			};
		},
	},
};
