/** Writes to standard output. Either all of the data is written, or the call fails. */
import { fstatSync, writeSync } from "node:fs";
import { isatty } from "node:tty";

/** The size of a piece in bytes. Each piece is copied, and `write` takes less than 2 GiB at once. */
const PIECE = 2 ** 24;

/**
 * Writes to standard output. Resolves when the data was written; throws the signal's reason if it aborts
 * meanwhile.
 */
export async function writeOut(data: string | Uint8Array, signal?: AbortSignal): Promise<void> {
	signal?.throwIfAborted();
	if (typeof data === "string") return write(data, signal);
	for (let at = 0; at < data.length; at += PIECE) {
		// Node's streams don't take views over shared memory.
		await write(data.slice(at, at + PIECE), signal);
	}
}

function write(data: string | Uint8Array, signal: AbortSignal | undefined): Promise<void> {
	return new Promise((resolve, reject) => {
		const onAbort = () => reject(signal?.reason);
		signal?.addEventListener("abort", onAbort, { once: true });
		process.stdout.write(data, (error) => {
			signal?.removeEventListener("abort", onAbort);
			if (error) reject(error);
			else resolve();
		});
	});
}

/**
 * Makes a standard stream that is a file write all of its data. Node calls `write` only once and ignores how
 * much of the data was written, so on a full file system the rest would be missing without an error.
 * Terminals are made non-blocking, as pipes are: otherwise no signal could end this process while a terminal
 * is stopped or not read.
 */
export function writeWhole(stream: NodeJS.WriteStream & { fd: number }): void {
	if (isatty(stream.fd)) {
		(stream as { _handle?: { setBlocking?(isBlocking: boolean): void } })._handle?.setBlocking?.(false);
		return;
	}
	const status = fstatSync(stream.fd);
	// Pipes and sockets have another stream class, which writes the rest again.
	if (status.isFIFO() || status.isSocket()) return;
	stream._write = (chunk: Uint8Array, _encoding: BufferEncoding, callback) => {
		try {
			for (let at = 0; at < chunk.length; )
				at += writeSync(stream.fd, chunk, at, Math.min(chunk.length - at, PIECE));
		} catch (error) {
			callback(error as Error);
			return;
		}
		callback();
	};
}
