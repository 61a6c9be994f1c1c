/**
 * Notices that another server leads a consumer now. The client does not: it keeps its connection. But the requests for
 * messages that the old leader had are gone, and so may be messages and acknowledgements that were on their way. On 2.9.10
 * a new leader was seen that delivered nothing more, and said that nothing was left to be delivered, while the stream had
 * thousands of records.
 */
import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";

/** Milliseconds without a message or an acknowledgement after which the consumer is looked at. */
const QUIET = 2000;
/** How many times as long it is quiet before it is looked at again. */
const AGAIN = 5;
/** Milliseconds in which a sign of life may come that had arrived while the event loop was busy. */
const GRACE = 500;

/** What the server knows of a consumer. */
export interface Counts {
	/** The records in the stream: each was not delivered yet, or not acknowledged. */
	readonly stored: number;
	readonly pending: number;
	readonly unacknowledged: number;
}

export interface ConsumerWatchOptions {
	/** Undefined while there is none. */
	counts(): Promise<Counts | undefined>;
	/** The number of records that are here and not acknowledged. */
	held(): number;
	/** True while records are waited for. */
	isWaiting(): boolean;
	/** Called when the consumer waits for no acknowledgement that was sent. */
	onConfirmed(): void;
	/** Called when something was lost. */
	onLost(): void;
	/** As `QUIET`, `AGAIN` and `GRACE`. */
	readonly quiet?: number;
	readonly again?: number;
	readonly grace?: number;
}

export class ConsumerWatch {
	readonly #options: ConsumerWatchOptions;
	readonly #timer: NodeJS.Timeout;
	#suspicion: NodeJS.Timeout | undefined;
	#events = 0;
	/** The events at the last look at the clock, and at the last look at the consumer. */
	#before = 0;
	#checked = 0;
	/** The looks at the clock since then. */
	#rounds = 0;
	/** What did not fit then. If it is the same with another consumer, the server counts in another way. */
	#difference = "";

	constructor(options: ConsumerWatchOptions) {
		this.#options = options;
		this.#timer = setInterval(() => void this.#check().catch(() => {}), options.quiet ?? QUIET).unref();
	}

	/** A record has come, or was acknowledged. */
	note(): void {
		this.#events++;
		this.hear();
	}

	/** The server has said something. */
	hear(): void {
		clearTimeout(this.#suspicion);
		this.#suspicion = undefined;
	}

	/** The server is silent. */
	suspect(): void {
		this.#suspicion ??= setTimeout(() => {
			this.#suspicion = undefined;
			if (this.#options.isWaiting()) this.#options.onLost();
		}, this.#options.grace ?? GRACE).unref();
	}

	async #check(): Promise<void> {
		const events = this.#events;
		const isQuiet = events === this.#before;
		this.#before = events;
		const { counts, held, isWaiting, onConfirmed, onLost, again = AGAIN } = this.#options;
		const isChecked = events === this.#checked && ++this.#rounds < again;
		if (!isQuiet || isChecked || !isWaiting()) return;
		const found = await counts();
		if (found === undefined || events !== this.#events || !isWaiting()) return;
		const { stored, pending, unacknowledged } = found;
		if (unacknowledged <= held() && pending === 0 && stored <= unacknowledged) {
			this.#note(events);
			this.#difference = "";
			return onConfirmed();
		}
		const difference = `${stored} ${pending} ${unacknowledged} ${held()}`;
		if (difference === this.#difference) return this.#note(events);
		this.#difference = difference;
		onLost();
	}

	/** The consumer was looked at. */
	#note(events: number): void {
		this.#checked = events;
		this.#rounds = 0;
	}

	stop(): void {
		clearInterval(this.#timer);
		this.hear();
	}
}
