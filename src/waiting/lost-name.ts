/**
 * A region whose name was removed, or was given to another region: a peer that opens the name never comes to this one,
 * and each side waits in a region of its own.
 */
import { performance } from "node:perf_hooks";
import type { Host } from "../host/local-shim.js";
import process from "../host/process.js";
import type { File } from "../host/shim.js";

/** Milliseconds between looks at the name, from when the region was opened. */
const INTERVAL = 1000;

/** An opening of a region by its name. */
export interface Opening {
	readonly path: string;
	readonly closed: boolean;
	readonly file: File;
	readonly shim: Host;
	/** Whether another participant, or a reader, has joined and lives. */
	hasCompany(): boolean;
}

export class LostName {
	readonly #opening: Opening;
	#lookedAt = performance.now();
	#isSaid = false;

	constructor(opening: Opening) {
		this.#opening = opening;
	}

	/** For a wait that was in vain; empty while the region has its name. */
	inWords(): string {
		if (!this.#isLost()) return "";
		return (
			`${this.#opening.path} was removed meanwhile, or is another region by now, so a peer that opens it does not ` +
			"come to this one; open it again on all sides. systemd-logind removes a user's files in /dev/shm when the last " +
			"session of the user ends: RemoveIPC=no in /etc/systemd/logind.conf keeps them"
		);
	}

	/** Says so, once, where nobody could ever come: to somebody who waits for a peer, and is alone in the region. */
	warn(isBlocking: boolean): void {
		const now = performance.now();
		if (this.#isSaid || now < this.#lookedAt + INTERVAL) return;
		this.#lookedAt = now;
		if (this.#opening.hasCompany()) return;
		const words = this.inWords();
		if (words === "") return;
		this.#isSaid = true;
		// A warning is printed by the event loop, which does not turn while this thread is blocked.
		if (isBlocking)
			process.stderr.write(`(node:${process.pid}) [DHMEM_NAME_REMOVED] DhmemWarning: ${words}\n`);
		else process.emitWarning(words, { type: "DhmemWarning", code: "DHMEM_NAME_REMOVED" });
	}

	#isLost(): boolean {
		const { shim, file, path, closed } = this.#opening;
		try {
			return !closed && !shim.isNamed(file, path);
		} catch {
			// Its folder can't be looked at any more, as by a process that gave up root.
			return false;
		}
	}
}
