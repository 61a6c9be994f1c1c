/**
 * Appends records to a stream, in order and each once. Up to a window of them are on their way at a time. Each says
 * which sequence number the stream must have reached, so the server refuses everything behind a record that it
 * has refused. The publisher then begins again with that record.
 */
import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { EPOCH, type StreamNames } from "./names.js";
import { type Parcel, withdrawnError } from "./parcel.js";
import { type Session, textOf } from "./session.js";
import { enlarge, findStream, lost, NO_ROOM, streamGone, taken, WRONG_LAST } from "./stream.js";

/** The most records and bytes that are on their way. */
const WINDOW = 256;
const WINDOW_BYTES = 2 ** 24;
/** Milliseconds after which a full stream is looked at again, if no hint came. */
const LOOK = 100;
/** Milliseconds without an answer after which the stream is asked how far it has come. */
const SILENCE = 5000;
const RETRY = 250;
/** Bytes that a stream stores beside the payload of a record: at most, for subject and headers. */
const OVERHEAD = 1024;

const EXPECTED = "Nats-Expected-Last-Sequence";

interface Underway {
	readonly parcel: Parcel;
	readonly index: number;
}

export interface PublisherOptions {
	readonly session: Session;
	readonly names: StreamNames;
	/** The sequence number of the stream's last record. */
	readonly last: number;
	/** The stream's limit in bytes; -1 for none. */
	readonly limit: number;
	readonly epoch: number;
	/** The epoch of the endpoint now. */
	currentEpoch(): Promise<number>;
	/** Called when the stream becomes full, and when it is not any more. */
	onFull(isFull: boolean): void;
}

export class Publisher {
	readonly #options: PublisherOptions;
	readonly #inbox: string;
	/** Not known to be stored, in order. The first `#flown` are on their way. */
	#records: Underway[] = [];
	#flown = 0;
	#flownBytes = 0;
	/** The sequence number of the last record that is known to be stored. */
	#last: number;
	#limit: number;
	/** So many of the first records were on their way and may be stored, until the stream has been asked. */
	#unsure = 0;
	/** Answers to publishes of an older round mean nothing any more. */
	#round = 0;
	#isPaused = false;
	#hint: (() => void) | undefined;
	#silence: NodeJS.Timeout | undefined;
	#failure: unknown;
	#isStopped = false;
	readonly #stops: (() => void)[] = [];

	constructor(options: PublisherOptions) {
		this.#options = options;
		this.#last = options.last;
		this.#limit = options.limit;
		const { session, names } = options;
		const { connection, packages } = session;
		this.#inbox = packages.transport.createInbox();
		const answers = connection.subscribe(`${this.#inbox}.*.*`, {
			callback: (error, message) => {
				if (error === null) this.#onAnswer(message.subject, message.string(), message.headers?.code ?? 0);
			},
		});
		const hints = connection.subscribe(names.room, { callback: () => this.#hint?.() });
		this.#stops.push(
			() => answers.unsubscribe(),
			() => hints.unsubscribe(),
		);
		// Without a connection the client keeps what is published, as views of bytes that their owner may change.
		session.onDisconnect(() => this.#pause());
		session.onReconnect(() => void this.#lookAgain());
		session.onRefusal((subject, error) => {
			if (subject.startsWith(`${names.subject}.`)) this.#fail(error);
		});
	}

	/** True while something is not known to be stored. */
	get isBusy(): boolean {
		return this.#records.length > 0;
	}

	send(parcel: Parcel): void {
		if (this.#failure !== undefined) {
			parcel.onSettled(this.#failure, 0);
			return;
		}
		for (const index of parcel.records.keys()) this.#records.push({ parcel, index });
		this.#fly();
	}

	/**
	 * Gives a parcel up. It is not sent if no record of it can have arrived, or if it is found that none has.
	 * Otherwise it is settled as if it had not been given up, except that records of it that are still here are
	 * dropped, and so is the message then by its receiver.
	 *
	 * @returns true if it is dropped already
	 */
	withdraw(parcel: Parcel): boolean {
		parcel.withdrawn = true;
		const mayArrive = this.#records.slice(0, this.#mayArrive).some((each) => each.parcel === parcel);
		if (!mayArrive) this.#dropWithdrawn();
		return !mayArrive;
	}

	/** How many of the first records may be stored, or become so. */
	get #mayArrive(): number {
		return Math.max(this.#flown, this.#unsure);
	}

	#dropWithdrawn(): void {
		const isKept = ({ parcel }: Underway, at: number) => at < this.#mayArrive || parcel.withdrawn !== true;
		const dropped = new Set(
			this.#records.filter((each, at) => !isKept(each, at)).map(({ parcel }) => parcel),
		);
		this.#records = this.#records.filter(isKept);
		for (const parcel of dropped) parcel.onSettled(withdrawnError, 0);
	}

	/** Publishes what is not on its way, as far as the window has room. */
	#fly(): void {
		const { session, names, epoch } = this.#options;
		while (!this.#isPaused && this.#flown < this.#records.length && this.#flown < WINDOW) {
			const { parcel, index } = this.#records[this.#flown] as Underway;
			const { kind, payload } = parcel.records[index] as Parcel["records"][number];
			if (this.#flown > 0 && this.#flownBytes + payload.length > WINDOW_BYTES) break;
			const expected = this.#last + this.#flown;
			this.#flown++;
			this.#flownBytes += payload.length;
			const headers = session.packages.transport.headers();
			headers.set(EXPECTED, String(expected));
			headers.set(EPOCH, String(epoch));
			session.connection.publish(`${names.subject}.${kind}`, payload, {
				headers,
				reply: `${this.#inbox}.${this.#round}.${expected + 1}`,
			});
		}
		this.#watchSilence();
	}

	#watchSilence(): void {
		clearTimeout(this.#silence);
		if (this.#flown === 0 || this.#isPaused) return;
		this.#silence = setTimeout(() => void this.#lookAgain(), SILENCE);
	}

	#onAnswer(subject: string, text: string, status: number): void {
		const [round, position] = subject
			.slice(this.#inbox.length + 1)
			.split(".")
			.map(Number) as [number, number];
		if (round !== this.#round || position <= this.#last) return;
		const { seq, error } = parseAnswer(text, status);
		if (seq === position) {
			// If it is stored, so is all before it.
			while (this.#last < position) this.#stored();
			this.#options.onFull(false);
			this.#fly();
			return;
		}
		if (error === NO_ROOM) {
			// Nothing that is on its way is stored any more, since it expects a record that is not there.
			this.#halt();
			void this.#waitForRoom();
		} else void this.#lookAgain(error === WRONG_LAST);
	}

	/** Publishes no more until the stream has been asked what it has stored. */
	#pause(): void {
		this.#unsure = this.#mayArrive;
		this.#halt();
	}

	#halt(): void {
		this.#round++;
		this.#isPaused = true;
		this.#flown = 0;
		this.#flownBytes = 0;
		clearTimeout(this.#silence);
	}

	#stored(): void {
		const { parcel, index } = this.#records.shift() as Underway;
		this.#last++;
		if (this.#flown > 0) {
			this.#flown--;
			this.#flownBytes -= parcel.records[index]?.payload.length ?? 0;
		}
		parcel.stored = index + 1;
		if (parcel.stored === parcel.records.length) parcel.onSettled(undefined, this.#last);
	}

	async #waitForRoom(): Promise<void> {
		this.#dropWithdrawn();
		this.#options.onFull(true);
		try {
			await this.#enlargeFor(this.#records[0]?.parcel);
		} catch (error) {
			const [first] = this.#records;
			if (first === undefined || (first.parcel.stored ?? 0) > 0) return this.#fail(error);
			this.#records = this.#records.filter(({ parcel }) => parcel !== first.parcel);
			first.parcel.onSettled(this.#options.session.explain(error), 0);
		}
		if (this.#records.length > 0) {
			await new Promise<void>((resolve) => {
				const timer = setTimeout(resolve, LOOK);
				this.#hint = () => {
					clearTimeout(timer);
					resolve();
				};
			});
			this.#hint = undefined;
			this.#dropWithdrawn();
		}
		await this.#lookAgain();
	}

	/** One message always has room, however large it is, and the next one beside it. */
	async #enlargeFor(parcel: Parcel | undefined): Promise<void> {
		if (parcel === undefined || this.#limit < 0) return;
		const need = parcel.records.reduce((sum, { payload }) => sum + payload.length + OVERHEAD, 0);
		if (need * 2 <= this.#limit) return;
		await enlarge(this.#options.session, this.#options.names, need * 2);
		this.#limit = need * 2;
	}

	/**
	 * Asks how far the stream has come, and goes on from there.
	 *
	 * @param wasRefused true if the server has said that it did not store the first record that is underway
	 */
	async #lookAgain(wasRefused = false): Promise<void> {
		this.#pause();
		const round = this.#round;
		while (!this.#isStopped && this.#failure === undefined) {
			try {
				const { session, names } = this.#options;
				const info = await findStream(session.manager, names.stream);
				const epoch = await this.#options.currentEpoch();
				if (round !== this.#round) return;
				if (info === undefined) return this.#fail(streamGone(names));
				if (epoch !== this.#options.epoch) return this.#fail(taken(names));
				const last = info.state.last_seq;
				if (last < this.#last) return this.#fail(lost(names, last, this.#last));
				const ours = await this.#oursUpTo(last, wasRefused);
				if (round !== this.#round) return;
				for (const isOurs of ours) {
					if (isOurs) this.#stored();
					else this.#last++;
				}
				this.#unsure = 0;
				this.#dropWithdrawn();
				this.#isPaused = false;
				this.#fly();
				return;
			} catch (error) {
				if (round !== this.#round || this.#isStopped) return;
				// The server does not answer, or has no leader for the stream now.
				if (/permissions? violation/i.test(textOf(error))) return this.#fail(error);
				await sleep(RETRY);
			}
		}
	}

	/**
	 * For each record behind the last one that is known to be ours: whether it is ours too. The others are of an
	 * older sender, which did not know yet that it was replaced. What the receiver has acknowledged is not there
	 * any more; if it was not refused, it was ours.
	 */
	async #oursUpTo(last: number, wasRefused: boolean): Promise<boolean[]> {
		const { session, names, epoch } = this.#options;
		const ours: boolean[] = [];
		let count = 0;
		for (let position = this.#last + 1; position <= last; position++) {
			const record = await session.manager.streams.getMessage(names.stream, { seq: position });
			const isOurs = record === null ? !wasRefused : record.header.get(EPOCH) === String(epoch);
			ours.push(isOurs && count < this.#records.length);
			if (isOurs) count++;
		}
		return ours;
	}

	#fail(cause: unknown): void {
		const error = this.#options.session.explain(cause);
		this.#failure = error;
		this.#options.onFull(false);
		const parcels = new Set(this.#records.splice(0).map(({ parcel }) => parcel));
		for (const parcel of parcels) parcel.onSettled(error, 0);
	}

	/** Stops. What is not stored is not sent. */
	stop(error: unknown): void {
		this.#isStopped = true;
		this.#round++;
		clearTimeout(this.#silence);
		this.#hint?.();
		for (const stop of this.#stops) stop();
		this.#fail(error);
	}
}

function parseAnswer(text: string, status: number): { seq?: number; error?: number } {
	if (status !== 0 || text === "") return { error: status };
	const answer = JSON.parse(text) as { seq?: number; error?: { err_code?: number } };
	if (answer.error !== undefined) return { error: answer.error.err_code ?? 0 };
	return answer.seq === undefined ? {} : { seq: answer.seq };
}
