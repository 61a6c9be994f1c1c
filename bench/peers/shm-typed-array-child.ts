/** The child of `shm-typed-array.ts`. It writes messages into the memory, and sends the position of each. */
import { EventEmitter, once } from "node:events";
import { fillMessage, MESSAGE_WORDS } from "../data.js";
import type { Job } from "../measure.js";
import { open, SLOTS } from "./shm-typed-array.js";

const words = await open(process.argv[2] as string);
const reader = new EventEmitter();
let read = 0;

async function sendAll(memory: Uint32Array, job: Job): Promise<void> {
	read = 0;
	for (let sequence = 0; sequence < job.count; sequence++) {
		while (sequence - read >= SLOTS) await once(reader, "read");
		fillMessage(memory, (sequence % SLOTS) * MESSAGE_WORDS, sequence, job);
		process.send?.(sequence);
	}
}

process.once("disconnect", () => process.exit(1));
process.on("message", (message: { job: Job } | { read: number }) => {
	if ("job" in message) void sendAll(words, message.job);
	else {
		read = message.read;
		reader.emit("read");
	}
});
process.send?.("ready");
