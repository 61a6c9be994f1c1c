/** What dhmem tells programs that watch it: events on channels of `node:diagnostics_channel`. */
import { type Channel, channel } from "node:diagnostics_channel";
import type { DhmemErrorCode } from "./errors.js";

/**
 * The events that dhmem publishes in each process, by the names of their channels.
 *
 * | channel | published when |
 * | --- | --- |
 * | `dhmem:open` | this process has opened a region |
 * | `dhmem:close` | a region is closed here: by the program, or because it can't be used any more |
 * | `dhmem:recovery` | this process has freed what a dead participant held |
 * | `dhmem:full` | a queue, a region or the file system has no room for what this process wants to put there |
 * | `dhmem:stuck` | this process has found waits that seem to never end |
 *
 * Subscribers run at once, in the middle of the call that publishes, so they should only note what they get.
 * They may look at regions (`stats()`), but should not send, receive or close there. If a subscriber throws,
 * Node reports it as an uncaught exception, after the call.
 *
 * @example
 * ```ts
 * import { subscribe } from "node:diagnostics_channel";
 *
 * subscribe("dhmem:recovery", (event) => {
 *   const { path, label } = event as DhmemEvents["dhmem:recovery"];
 *   console.error(`${path}: ${label} died`);
 * });
 * ```
 */
export interface DhmemEvents {
	"dhmem:open": {
		/** The path of the region's file. */
		path: string;
		/** The option `mode`. */
		mode: string;
		/** What others see this participant as. */
		label: string;
		/** The participant's slot; undefined for openings that only read. */
		slot: number | undefined;
	};
	"dhmem:close": {
		path: string;
		/** Why the region can't be used any more; undefined if the program closed it. */
		code: DhmemErrorCode | undefined;
		message: string | undefined;
	};
	"dhmem:recovery": {
		path: string;
		/** The dead participant. */
		slot: number;
		label: string;
	};
	/** For a queue, once until the producer sends again; for memory, each time an allocation fails. */
	"dhmem:full":
		| { path: string; what: "queue"; queue: string }
		| {
				path: string;
				what: "region" | "file system";
				/** The size of the block that was to be allocated, in bytes. */
				bytes: number;
		  };
	"dhmem:stuck": {
		path: string;
		/** Who waits for what, and what to do. */
		message: string;
	};
}

const channels: { readonly [N in keyof DhmemEvents]: Channel } = {
	"dhmem:open": channel("dhmem:open"),
	"dhmem:close": channel("dhmem:close"),
	"dhmem:recovery": channel("dhmem:recovery"),
	"dhmem:full": channel("dhmem:full"),
	"dhmem:stuck": channel("dhmem:stuck"),
};

/** Tells whether anyone has subscribed to a channel. */
export function isWatched(name: keyof DhmemEvents): boolean {
	return channels[name].hasSubscribers;
}

/** Publishes an event. It is made only if anyone has subscribed. */
export function publish<N extends keyof DhmemEvents>(name: N, event: () => DhmemEvents[N]): void {
	if (isWatched(name)) channels[name].publish(event());
}
