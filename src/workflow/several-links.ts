/** Receives from several links by turns. */
import { clearTimeout, setTimeout } from "node:timers";
import { DhmemError } from "../errors.js";
import type { Message } from "../queue/message.js";
import type { WaitOptions } from "../values/arguments.js";
import { reasonOf, throwIfAborted } from "../values/signal.js";
import { onAbort } from "../waiting/any-signal.js";
import { breathe } from "../waiting/breathe.js";
import { Line } from "../waiting/line.js";
import { LONGEST_TIMER, tooLate } from "../waiting/timeout.js";
import type { LinkReceiver, Receiver } from "./transport.js";

/** A `receive` that waits. */
interface Waiting {
	settled: boolean;
	/** Resolves the promise; undefined when all links have ended. */
	give(message: Message | undefined): void;
	fail(error: unknown): void;
}

/** The reason with which the waits at the links end when no `receive` waits any more. */
const ENOUGH = new Error("No receive waits any more");

/**
 * While any `receive` waits, one wait is pending at each link that has not ended. What arrives goes to the
 * first `receive` in line. When the line is empty, the waits at the links end at once, so no link gives a
 * message that nobody waits for.
 */
export class SeveralLinks implements Receiver {
	readonly #what: string;
	readonly #links: readonly LinkReceiver[];
	readonly #line = new Line<Waiting>();
	/** The number of receives in the line that only a message or an end can end. */
	#unlimited = 0;
	/** Links whose queues were removed, with the error that says so. The others go on without them. */
	readonly #lost = new Map<LinkReceiver, unknown>();
	/** The links with a pending wait. */
	readonly #watched = new Set<LinkReceiver>();
	/** Ends the pending waits at the links. */
	#enough = new AbortController();
	/** The index of the link that is asked first next time. */
	#next = 0;

	/** @param what the receiver as error messages name it */
	constructor(what: string, links: readonly LinkReceiver[]) {
		this.#what = what;
		this.#links = links;
	}

	get ended(): boolean {
		return this.#links.every(({ ended }) => ended);
	}

	tryReceive(): Message | undefined {
		const { length } = this.#links;
		for (let turn = 0; turn < length; turn++) {
			const index = (this.#next + turn) % length;
			const message = this.#tryAt(this.#links[index] as LinkReceiver);
			if (message === undefined) continue;
			this.#next = index + 1;
			return message;
		}
		if (this.#loss !== undefined) throw this.#loss;
		return undefined;
	}

	#tryAt(link: LinkReceiver): Message | undefined {
		if (this.#lost.has(link)) return undefined;
		try {
			return link.tryReceive();
		} catch (error) {
			this.#lose(link, error);
			return undefined;
		}
	}

	/** Goes on without the link if it is closed, because its queue was removed. Throws other errors. */
	#lose(link: LinkReceiver, error: unknown): void {
		if (!(error instanceof DhmemError && error.code === "DHMEM_CLOSED")) throw error;
		this.#lost.set(link, error);
	}

	/** The error to throw when the links that are left have ended, because a lost link is no end of a stream. */
	get #loss(): unknown {
		const [error] = this.#lost.values();
		return this.#links.every((link) => link.ended || this.#lost.has(link)) ? error : undefined;
	}

	async receive({ timeout, signal }: WaitOptions, isLimited: boolean): Promise<Message | undefined> {
		throwIfAborted(signal);
		const breath = breathe();
		if (breath === undefined && this.#line.first === undefined) {
			const message = this.tryReceive();
			if (message !== undefined || this.ended) return message;
		}
		return new Promise((resolve, reject) => {
			let timer: NodeJS.Timeout | undefined;
			let stop: (() => void) | undefined;
			const settle = () => {
				waiting.settled = true;
				if (!isLimited) this.#countUnlimited(-1);
				clearTimeout(timer);
				stop?.();
				if (this.#line.first === undefined) this.#stopWatching();
			};
			const waiting: Waiting = {
				settled: false,
				give: (message) => {
					settle();
					resolve(message);
				},
				fail: (error) => {
					settle();
					reject(error);
				},
			};
			if (signal !== undefined) stop = onAbort(signal, () => waiting.fail(reasonOf(signal)));
			if (timeout !== undefined && timeout <= LONGEST_TIMER) {
				timer = setTimeout(() => {
					// One last attempt: a message that arrived in time counts, even if the event loop is late.
					this.#serve();
					if (!waiting.settled) waiting.fail(tooLate(`a message from ${this.#what}`, timeout));
				}, timeout);
			}
			this.#line.enter(waiting);
			if (!isLimited) this.#countUnlimited(1);
			if (breath === undefined) this.#watch();
			else breath.then(() => this.#serve());
		});
	}

	/** Waits at every link that has not ended, if there is a `receive` that waits. */
	#watch(): void {
		for (const [index, link] of this.#links.entries()) {
			// A link may have had a message at once.
			if (this.#line.first === undefined) return;
			if (!link.ended && !this.#lost.has(link) && !this.#watched.has(link)) void this.#waitAt(link, index);
		}
	}

	async #waitAt(link: LinkReceiver, index: number): Promise<void> {
		const { signal } = this.#enough;
		const take = (message: Message | undefined) => {
			if (message !== undefined) this.#next = index + 1;
			this.#give(message);
		};
		this.#watched.add(link);
		try {
			await link.deliverTo(take, { signal }, this.#unlimited === 0);
		} catch (error) {
			if (!signal.aborted) this.#failAt(link, error);
		}
		this.#watched.delete(link);
		this.#watch();
	}

	#failAt(link: LinkReceiver, error: unknown): void {
		try {
			this.#lose(link, error);
			this.#endIfOver();
		} catch (failure) {
			this.#settleAll((each) => each.fail(failure));
		}
	}

	#endIfOver(): void {
		const loss = this.#loss;
		if (this.ended) this.#settleAll((each) => each.give(undefined));
		else if (loss !== undefined) this.#settleAll((each) => each.fail(loss));
	}

	/** The waits at the links are begun anew when this changes whether they are limited. */
	#countUnlimited(change: 1 | -1): void {
		const wereLimited = this.#unlimited === 0;
		this.#unlimited += change;
		if ((this.#unlimited === 0) !== wereLimited) this.#stopWatching();
	}

	#stopWatching(): void {
		if (this.#watched.size === 0) return;
		this.#enough.abort(ENOUGH);
		this.#enough = new AbortController();
	}

	/** Gives a message to the first in line; or undefined, when a link has ended. */
	#give(message: Message | undefined): void {
		const { first } = this.#line;
		if (message === undefined) this.#endIfOver();
		else if (first === undefined) message.giveBack();
		else first.give(message);
	}

	/** Gives what is there to those that wait, and then waits for more. */
	#serve(): void {
		try {
			while (this.#line.first !== undefined) {
				const message = this.tryReceive();
				if (message === undefined && !this.ended) break;
				this.#give(message);
			}
			this.#watch();
		} catch (error) {
			this.#settleAll((each) => each.fail(error));
		}
	}

	#settleAll(settle: (each: Waiting) => void): void {
		for (let each = this.#line.first; each !== undefined; each = this.#line.first) settle(each);
	}

	/** Each message is received again from the link that it came from. */
	giveBack(messages: readonly Message[]): void {
		for (const message of messages) message.giveBack();
		// Nothing waits at a link that had ended.
		this.#serve();
	}

	async close(): Promise<void> {
		await Promise.all(this.#links.map((link) => link.close()));
	}
}
