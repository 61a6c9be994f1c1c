/** The thread of `ringbuf.ts`. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { Job } from "../measure.js";
import { produce, ringOf, type Type } from "./ringbuf-producer.js";

const { buffer, type } = workerData as { buffer: SharedArrayBuffer; type: Type };
const port = parentPort as MessagePort;
const ring = await ringOf(buffer, type);
port.on("message", (job: Job) => produce(type, ring, job));
port.postMessage("ready");
