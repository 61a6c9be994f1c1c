/** The peer to measure against: a Unix socket between two Node processes. */
import { once } from "node:events";
import type { Socket } from "node:net";

/** In the abstract namespace, which leaves no file. */
export function socketPath(name: string): string {
	return `\0${name}`;
}

/**
 * Calls `onFrames` with whole frames of `bytes` bytes, aligned, until `frames` have come: how many there are, and the
 * number of the first.
 */
export function receiveFrames(
	socket: Socket,
	bytes: number,
	frames: number,
	onFrames: (buffer: ArrayBuffer, count: number, first: number) => void,
): Promise<void> {
	return new Promise((resolve, reject) => {
		const scratch = new Uint8Array(2 ** 20);
		let held = 0;
		let received = 0;
		const stop = (error?: unknown) => {
			socket.off("data", onData).off("close", onClose);
			if (error === undefined) resolve();
			else reject(error);
		};
		const onClose = () => stop(new Error("The peer closed the socket"));
		const onData = (chunk: Uint8Array) => {
			scratch.set(chunk, held);
			held += chunk.length;
			const whole = Math.floor(held / bytes);
			if (whole === 0) return;
			try {
				onFrames(scratch.buffer, whole, received);
			} catch (error) {
				return stop(error);
			}
			received += whole;
			scratch.copyWithin(0, whole * bytes, held);
			held -= whole * bytes;
			if (received === frames) stop();
		};
		socket.on("data", onData).on("close", onClose);
	});
}

/** Writes, and waits when the socket asks for that. The bytes must not change afterwards. */
export async function write(socket: Socket, bytes: Uint8Array): Promise<void> {
	if (!socket.write(bytes)) await once(socket, "drain");
}
