/**
 * Notices that another server leads a consumer now. The client does not: it keeps its connection. But the requests for
 * messages that the old leader had are gone, and so may be messages and acknowledgements that were on their way.
 */
import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import type { ConsumerInfo } from "@nats-io/jetstream";

/** Milliseconds without a message or an acknowledgement after which the consumer is looked at, once. */
const QUIET = 2000;
/** Milliseconds in which a sign of life may come that had arrived while the event loop was busy. */
const GRACE = 500;

export interface ConsumerWatchOptions {
	/** Undefined while there is none. */
	info(): Promise<ConsumerInfo | undefined>;
	/** The number of records that are here and not acknowledged. */
	held(): number;
	/** True while records are waited for. */
	isWaiting(): boolean;
	/** Called when the consumer waits for no acknowledgement that was sent. */
	onConfirmed(): void;
	/** Called when something was lost. */
	onLost(): void;
	/** Milliseconds, as `QUIET` and `GRACE`. */
	readonly quiet?: number;
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
		const { info, held, isWaiting, onConfirmed, onLost } = this.#options;
		if (!isQuiet || events === this.#checked || !isWaiting()) return;
		const found = await info();
		if (found === undefined || events !== this.#events || !isWaiting()) return;
		if (found.num_ack_pending <= held() && found.num_pending === 0) {
			this.#checked = events;
			this.#difference = "";
			return onConfirmed();
		}
		const difference = `${found.num_ack_pending} ${held()} ${found.num_pending}`;
		if (difference === this.#difference) {
			this.#checked = events;
			return;
		}
		this.#difference = difference;
		onLost();
	}

	stop(): void {
		clearInterval(this.#timer);
		this.hear();
	}
}
