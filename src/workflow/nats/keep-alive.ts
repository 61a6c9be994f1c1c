/**
 * Lets a process end while its connection is open, unless something waits for the server: as in shared memory, where
 * only waits keep a process alive. The client has no such setting, so this reaches for its socket and its timers. With
 * a client that keeps them elsewhere, a process lives until its task is closed.
 */
import type { Session } from "./session.js";

interface Referenced {
	ref?(): void;
	unref?(): void;
}

interface ClientSocket extends Referenced {
	readonly localAddress?: string;
	/** True for TLS. */
	readonly encrypted?: boolean;
}

interface Parts {
	readonly protocol?: {
		readonly transport?: { readonly socket?: ClientSocket };
		readonly heartbeats?: { readonly timer?: Referenced };
	};
}

/** The client's socket; undefined while it has none, and with a client that keeps it elsewhere. */
export function socketOf({ connection }: Session): ClientSocket | undefined {
	return (connection as unknown as Parts).protocol?.transport?.socket;
}

export class KeepAlive {
	#count = 0;
	#parts: Parts | undefined;

	/** Begins with a connection, which keeps the process alive until then. */
	attach({ connection, onStatus }: Session): void {
		this.#parts = connection as unknown as Parts;
		// Another socket after a reconnect, and another timer after each ping.
		onStatus(() => this.#apply());
		this.#apply();
	}

	/** Something waits for the server, until the result is called. */
	hold(): () => void {
		this.#add(1);
		return () => this.#add(-1);
	}

	#add(change: 1 | -1): void {
		this.#count += change;
		if (this.#count < 2) this.#apply();
	}

	#apply(): void {
		const { transport, heartbeats } = this.#parts?.protocol ?? {};
		heartbeats?.timer?.unref?.();
		if (this.#count > 0) transport?.socket?.ref?.();
		else transport?.socket?.unref?.();
	}
}

/** The timer with which a subscription notices that the server is silent does not keep the process alive. */
export function unrefMonitor(messages: object): void {
	const { monitor } = messages as { readonly monitor?: { readonly timer?: Referenced } | null };
	monitor?.timer?.unref?.();
}
