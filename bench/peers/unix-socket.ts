/** Node's Unix sockets. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import {
	checkMessage,
	checkRecords,
	fillMessage,
	fillRecords,
	LargeMessages,
	MESSAGE_BYTES,
	MESSAGE_WORDS,
	MessageSource,
	Meter,
	RECORDS,
	trips,
} from "../data.js";
import { type Job, median } from "../measure.js";
import type { Half, Works } from "../pair.js";

const pathOf = (place: string) => join(place, "socket");

/** Receives frames for one job: aligned whole frames, how many there are, and the number of the first one. */
type OnFrames = (buffer: ArrayBuffer, count: number, first: number) => void;

/** The largest size of a chunk, in bytes. */
const CHUNK = 2 ** 16;

/** Cuts the bytes from a socket into frames. */
class FrameReader {
	readonly #socket: Socket;
	#scratch = new Uint8Array(2 * CHUNK);
	#held = 0;
	#take: (() => void) | undefined;
	#fail: (error: Error) => void = () => {};

	constructor(socket: Socket) {
		this.#socket = socket;
		socket.on("data", (chunk: Uint8Array) => {
			this.#reserve(chunk.length);
			this.#scratch.set(chunk, this.#held);
			this.#held += chunk.length;
			// Bytes that arrive before their job wait.
			if (this.#take === undefined) socket.pause();
			else this.#take();
		});
		socket.on("close", () => this.#fail(new Error("The peer closed the socket")));
	}

	#reserve(bytes: number): void {
		if (this.#scratch.length - this.#held >= bytes) return;
		const larger = new Uint8Array(2 * (this.#held + bytes));
		larger.set(this.#scratch.subarray(0, this.#held));
		this.#scratch = larger;
	}

	/** Resolves when `frames` frames of `bytes` bytes have arrived. */
	receive(bytes: number, frames: number, onFrames: OnFrames): Promise<void> {
		this.#reserve(bytes + CHUNK);
		let received = 0;
		return new Promise((resolve, reject) => {
			this.#fail = reject;
			const take = () => {
				const whole = Math.min(frames - received, Math.floor(this.#held / bytes));
				if (whole === 0) return;
				try {
					onFrames(this.#scratch.buffer, whole, received);
				} catch (error) {
					return reject(error);
				}
				received += whole;
				this.#scratch.copyWithin(0, whole * bytes, this.#held);
				this.#held -= whole * bytes;
				if (received < frames) return;
				this.#take = undefined;
				resolve();
			};
			this.#take = take;
			if (this.#socket.isPaused()) this.#socket.resume();
			take();
		});
	}
}

/** Writes bytes, and waits if the socket asks for it. The bytes must not change afterwards. */
async function write(socket: Socket, bytes: Uint8Array): Promise<void> {
	if (!socket.write(bytes)) await once(socket, "drain");
}

function measuring(run: (reader: FrameReader, job: Job, socket: Socket) => Promise<number>): Half<number> {
	return async (place) => {
		const server = createServer();
		server.listen(pathOf(place));
		await once(server, "listening");
		const connected = once(server, "connection").then(([socket]) => {
			return { socket: socket as Socket, reader: new FrameReader(socket as Socket) };
		});
		return async (job) => {
			const { socket, reader } = await connected;
			return await run(reader, job, socket);
		};
	};
}

function serving(run: (socket: Socket, job: Job, reader: FrameReader) => Promise<void>): Half<void> {
	return async (place) => {
		const socket = connect(pathOf(place));
		await once(socket, "connect");
		const reader = new FrameReader(socket);
		return (job) => run(socket, job, reader);
	};
}

async function receiveMessages(reader: FrameReader, { count }: Job): Promise<number> {
	const meter = new Meter();
	await reader.receive(MESSAGE_BYTES, count, (buffer, frames, first) => {
		const words = new Uint32Array(buffer, 0, frames * MESSAGE_WORDS);
		for (let i = 0; i < frames; i++) checkMessage(words, i * MESSAGE_WORDS, first + i);
		meter.arrived(frames);
	});
	return meter.rate(count);
}

export const works: Works = {
	/** One write for each message. Each message is copied, because the stream keeps it until it is written. */
	messages: {
		measure: measuring(receiveMessages),
		serve: serving(async (socket, job) => {
			const source = new MessageSource();
			for (let sequence = 0; sequence < job.count; sequence++) {
				await write(socket, Buffer.from(source.next(sequence, job)));
			}
		}),
	},
	/** Writes of 64 KiB, each in a new buffer for the same reason. */
	batches: {
		measure: measuring(receiveMessages),
		serve: serving(async (socket, job) => {
			const batch = 2 ** 16 / MESSAGE_BYTES;
			for (let sequence = 0; sequence < job.count; sequence += batch) {
				const part = Math.min(batch, job.count - sequence);
				const words = new Uint32Array(part * MESSAGE_WORDS);
				for (let i = 0; i < part; i++) fillMessage(words, i * MESSAGE_WORDS, sequence + i, job);
				await write(socket, new Uint8Array(words.buffer));
			}
		}),
	},
	records: {
		measure: measuring(async (reader, { count }) => {
			const meter = new Meter();
			await reader.receive(8, count, (buffer, frames, first) => {
				checkRecords(new Float64Array(buffer, 0, frames), frames, first);
				meter.arrived(frames);
			});
			return meter.rate(count);
		}),
		serve: serving(async (socket, job) => {
			for (let sequence = 0; sequence < job.count; sequence += RECORDS) {
				const values = new Float64Array(Math.min(RECORDS, job.count - sequence));
				fillRecords(values, sequence, job);
				await write(socket, new Uint8Array(values.buffer));
			}
		}),
	},
	trips: {
		measure: measuring(async (reader, job, socket) => {
			const source = new MessageSource();
			const times = await trips(job, async (sequence) => {
				const answered = reader.receive(MESSAGE_BYTES, 1, (buffer) => {
					checkMessage(new Uint32Array(buffer, 0, MESSAGE_WORDS), 0, sequence);
				});
				await write(socket, Buffer.from(source.next(sequence, job)));
				await answered;
			});
			return median(times);
		}),
		serve: serving((socket, { count }, reader) => {
			return reader.receive(MESSAGE_BYTES, count, (buffer, frames) => {
				socket.write(Buffer.from(new Uint8Array(buffer, 0, frames * MESSAGE_BYTES)));
			});
		}),
	},
	/** Messages of any size, with one write for each. The figure is microseconds per message. */
	sized: {
		measure: measuring(async (reader, { count, size }) => {
			const messages = new LargeMessages(size);
			const meter = new Meter();
			await reader.receive(size, count, (buffer, frames, first) => {
				for (let i = 0; i < frames; i++) {
					messages.check(new Uint8Array(buffer, i * size, size), first + i);
				}
				meter.arrived(frames);
			});
			return 1 / meter.rate(count);
		}),
		serve: serving(async (socket, job) => {
			const messages = new LargeMessages(job.size);
			// Each write is awaited until everything is written, so the buffer can be reused.
			const isWaiting = job.size >= socket.writableHighWaterMark;
			for (let sequence = 0; sequence < job.count; sequence++) {
				const message = messages.next(sequence, job);
				await write(socket, isWaiting ? message : message.slice());
			}
		}),
	},
};
