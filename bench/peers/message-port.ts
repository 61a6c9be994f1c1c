/** Node's MessagePort between threads of one process. It does not work between processes. */
import { once } from "node:events";
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { MessageCheck, MessageSource } from "../data.js";
import { garbageOf } from "../garbage.js";
import type { Works } from "../pair.js";
import { worksOf } from "./events.js";

export const works: Works = {
	...worksOf(async () => {
		const worker = new Worker(new URL("./message-port-thread.js", import.meta.url));
		await once(worker, "message");
		return { events: worker, post: (message) => worker.postMessage(message) };
	}),
	garbage: {
		measure: () => {
			const { port1, port2 } = new MessageChannel();
			const check = new MessageCheck();
			const source = new MessageSource();
			return garbageOf((job) => {
				for (let sequence = 0; sequence < job.count; sequence++) {
					port1.postMessage(source.next(sequence, job));
					check.check((receiveMessageOnPort(port2) as { message: Uint8Array }).message, sequence);
				}
			});
		},
	},
};
