/**
 * Detects that a region has lost its name, because the file was removed or replaced. A peer that opens the
 * name then gets another region, and each side waits in its own.
 */
import { performance } from "node:perf_hooks";
import { publish } from "../events.js";
import type { Host } from "../host/local-shim.js";
import process from "../host/process.js";
import type { File } from "../host/shim.js";

/** Milliseconds between checks of the name, counted from the opening of the region. */
const INTERVAL = 1000;

/** An opening of a region by name. */
export interface Opening {
	readonly path: string;
	readonly closed: boolean;
	readonly file: File;
	readonly shim: Host;
	/** Tells whether another participant or a reader has the region open and is alive. */
	hasCompany(): boolean;
}

export class LostName {
	readonly #opening: Opening;
	#lookedAt = performance.now();
	#isSaid = false;

	constructor(opening: Opening) {
		this.#opening = opening;
	}

	/** The explanation for a wait that timed out. Empty while the region has its name. */
	inWords(): string {
		if (!this.#isLost()) return "";
		return (
			`${this.#opening.path} was removed or replaced after it was opened here, so a peer that opens it now gets ` +
			"another region; open it again on all sides. systemd-logind removes a user's files in /dev/shm when the " +
			"user's last session ends; RemoveIPC=no in /etc/systemd/logind.conf prevents that"
		);
	}

	/**
	 * Warns once if the name is lost and no peer can ever arrive: this participant waits for a peer, and is
	 * alone in the region.
	 */
	warn(isBlocking: boolean): void {
		const now = performance.now();
		if (this.#isSaid || now < this.#lookedAt + INTERVAL) return;
		this.#lookedAt = now;
		if (this.#opening.hasCompany()) return;
		const words = this.inWords();
		if (words === "") return;
		this.#isSaid = true;
		publish("dhmem:stuck", () => ({ path: this.#opening.path, message: words }));
		// The event loop prints warnings, and it does not run while this thread is blocked.
		if (isBlocking)
			process.stderr.write(`(node:${process.pid}) [DHMEM_NAME_REMOVED] DhmemWarning: ${words}\n`);
		else process.emitWarning(words, { type: "DhmemWarning", code: "DHMEM_NAME_REMOVED" });
	}

	#isLost(): boolean {
		const { shim, file, path, closed } = this.#opening;
		try {
			return !closed && !shim.isNamed(file, path);
		} catch {
			// The folder can't be examined any more, for example because the process has dropped root privileges.
			return false;
		}
	}
}
