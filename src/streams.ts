/** Node streams over the two ends of a queue. They copy: a stream keeps what it was given. */
import { Readable, Writable } from "node:stream";
import type { Consumer } from "./consumer.js";
import type { Producer } from "./producer.js";

export function readable(consumer: Consumer): Readable {
	const aborter = new AbortController();
	return new Readable({
		read() {
			consumer.receive({ signal: aborter.signal }).then(
				(message) => {
					if (message === undefined) return this.push(null);
					const copy = Buffer.from(message.bytes);
					message.release();
					// An empty chunk would not ask for the next one.
					return copy.length === 0 ? this._read(0) : this.push(copy);
				},
				(error: Error) => this.destroy(error),
			);
		},
		destroy(error, callback) {
			aborter.abort(error ?? new Error("The stream was destroyed"));
			callback(error);
		},
	});
}

export function writable(producer: Producer): Writable {
	const aborter = new AbortController();
	return new Writable({
		write(chunk: Uint8Array, _encoding, callback) {
			producer.send(chunk, { signal: aborter.signal }).then(() => callback(), callback);
		},
		final(callback) {
			try {
				producer.end();
				callback();
			} catch (error) {
				callback(error as Error);
			}
		},
		destroy(error, callback) {
			aborter.abort(error ?? new Error("The stream was destroyed"));
			callback(error);
		},
	});
}
