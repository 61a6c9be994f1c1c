/** Standard output: what was written is there whole, or writing fails. */
import { fstatSync, writeSync } from "node:fs";
import { isatty } from "node:tty";

/** Bytes of a piece: a copy is made of each, and `write` takes less than 2 GiB at once. */
const PIECE = 2 ** 24;

/** Writes to standard output; resolves when it was taken. The reason of a signal that aborts meanwhile is thrown. */
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
 * Lets a standard stream that is a file write all that it is given. Node calls `write` once, and takes a part for the
 * whole: on a file system that fills up the rest would be missing, and nobody told. A terminal is not waited for, as a
 * pipe is not: while it is stopped, or nobody reads it, no signal could end this process.
 */
export function writeWhole(stream: NodeJS.WriteStream & { fd: number }): void {
	if (isatty(stream.fd)) {
		(stream as { _handle?: { setBlocking?(isBlocking: boolean): void } })._handle?.setBlocking?.(false);
		return;
	}
	const status = fstatSync(stream.fd);
	// These have a stream of their own, which writes again what was not taken.
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
