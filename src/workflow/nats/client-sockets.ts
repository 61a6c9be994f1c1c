/**
 * The sockets that a client opens while it connects. It forgets those of servers that do not answer, and each would keep
 * the process alive until the system gives it up, after minutes.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

/** Node tells of each new socket on this channel. */
const CHANNEL = "net.client.socket";

/** The result of `connect`. Destroys the sockets that it has opened, except the last one if it succeeds. */
export async function withoutLeftSockets<T>(connect: () => Promise<T>): Promise<T> {
	const sockets: Socket[] = [];
	// Other sockets of the process are opened in the same time.
	const storage = new AsyncLocalStorage<true>();
	const onSocket = (message: unknown) => {
		if (storage.getStore() === true) sockets.push((message as { readonly socket: Socket }).socket);
	};
	subscribe(CHANNEL, onSocket);
	try {
		const connection = await storage.run(true, connect);
		sockets.pop();
		return connection;
	} finally {
		for (const socket of sockets) socket.destroy();
		unsubscribe(CHANNEL, onSocket);
		storage.disable();
	}
}
