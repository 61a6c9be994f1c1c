/** Sends one message, and waits until it is stored. */
import { clearTimeout, setTimeout } from "node:timers";
import type { WaitOptions } from "../../values/arguments.js";
import { reasonOf } from "../../values/signal.js";
import { onAbort } from "../../waiting/any-signal.js";
import { LONGEST_TIMER, tooLate } from "../../waiting/timeout.js";
import { keepBytes, type Parcel, withdrawnError } from "./parcel.js";
import type { Publisher } from "./publisher.js";

/** Milliseconds for which a send that was given up waits for the answer to what is on its way. */
const LAST_ANSWER = 1000;

export interface Publishing {
	readonly publisher: Publisher;
	readonly records: Parcel["records"];
	readonly timeout: number | undefined;
	/** Milliseconds that are left of the timeout. */
	readonly left: number | undefined;
	readonly signal: WaitOptions["signal"];
	readonly what: string;
	/** Called when it is stored, with the position of its first record, also after the wait is over. */
	onStored(first: number): void;
}

/** Resolves when all records are stored, or rejects when the wait is over. */
export function publish({
	publisher,
	records,
	timeout,
	left,
	signal,
	what,
	onStored,
}: Publishing): Promise<void> {
	return new Promise((resolve, reject) => {
		let reason: unknown;
		let answer: NodeJS.Timeout | undefined;
		let timer: NodeJS.Timeout | undefined;
		let stop: (() => void) | undefined;
		const parcel: Parcel = {
			records,
			onSettled: (error) => {
				clearTimeout(answer);
				clearTimeout(timer);
				stop?.();
				if (error !== undefined) return reject(error === withdrawnError ? reason : error);
				onStored(parcel.first ?? 0);
				resolve();
			},
		};
		const giveUp = (why: unknown) => {
			reason = why;
			if (publisher.withdraw(parcel)) return;
			// It may be on the server already. The caller's bytes are free after this.
			answer = setTimeout(() => {
				keepBytes(parcel);
				reject(why);
			}, LAST_ANSWER);
		};
		publisher.send(parcel);
		if (signal !== undefined) stop = onAbort(signal, () => giveUp(reasonOf(signal)));
		if (timeout !== undefined && left !== undefined && left <= LONGEST_TIMER)
			timer = setTimeout(() => giveUp(tooLate(what, timeout)), left);
	});
}
