/**
 * Appends records to a stream, in order and each once. Up to a window of them are on their way at a time. Each says
 * which sequence number the stream must have reached, so the server refuses everything behind a record that it
 * has refused. The publisher then begins again with that record.
 *
 * The server may store a record later than it says how far the stream has come, so a record that may be on its
 * way is sent again at the same place, and nothing else is: whichever copy comes first takes the place. An older
 * sender that still publishes could take it too. So the stream admits only records of the latest sender, and the
 * first of these is a mark, alone, which it may repeat. When that is stored, nothing of an older sender can follow.
 */
import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { DhmemError } from "../../errors.js";
import { isAbsent, textOf } from "./explained.js";
import { EPOCH, INBOX, NUMBER, type StreamNames } from "./names.js";
import { oursUpTo } from "./ours.js";
import { mark, type Parcel, storedBytes } from "./parcel.js";
import { Pending } from "./pending.js";
import { Refusal } from "./refusal.js";
import { Room, recordBytes } from "./room.js";
import type { Session } from "./session.js";
import { standingOf } from "./standing.js";
import { enlarge, NO_RESOURCES, NO_ROOM, NO_STREAM_LISTENS, noStorage, parseAnswer } from "./stream.js";

/** The most records and bytes that are on their way. */
const WINDOW = 256;
const WINDOW_BYTES = 2 ** 24;
/** Milliseconds after which a full stream is looked at again, if no hint came. */
const LOOK = 100;
/** Milliseconds without an answer after which the stream is asked how far it has come. */
const SILENCE = 5000;
const RETRY = 250;
/** Milliseconds before a stream is looked at that did not take a record. */
const PAUSE = 20;
/** Milliseconds for which a server that leads a stream only now may not know all that another one has confirmed. */
const LAG = 10_000;

const EXPECTED = "Nats-Expected-Last-Sequence";

export interface PublisherOptions {
	readonly session: Session;
	readonly names: StreamNames;
	/** The sequence number of the stream's last record. */
	readonly last: number;
	/** The stream's limit in bytes; -1 for none. */
	readonly limit: number;
	readonly epoch: number;
	/** True if several servers store the stream. */
	readonly isReplicated: boolean;
	/** True if there may be an older sender that does not know yet that it was replaced. */
	readonly hasPredecessor: boolean;
	/** The epoch of the endpoint now. */
	currentEpoch(): Promise<number>;
	/** Called when the stream becomes full, and when it is not any more. */
	onFull(isFull: boolean): void;
	/** Called when nothing that an older sender has published can be stored any more, if there was one. */
	onFenced(): void;
}

export class Publisher {
	readonly #options: PublisherOptions;
	readonly #inbox: string;
	/** The first `#flown` are on their way. */
	readonly #records = new Pending();
	#flown = 0;
	#flownBytes = 0;
	/** The sequence number of the last record that is known to be stored. */
	#last: number;
	#limit: number;
	/** The number of connections that were lost. What was sent over one of those may still arrive. */
	#connection = 0;
	/** True when no older sender can take a place in the stream. */
	#isFenced: boolean;
	/** Answers to publishes of an older round mean nothing any more. */
	#round = 0;
	#isPaused = false;
	readonly #room: Room | undefined;
	#isMeasuring = false;
	#refusal: Refusal | undefined;
	#hint: (() => void) | undefined;
	#silence: NodeJS.Timeout | undefined;
	#failure: unknown;
	#isStopped = false;
	readonly #stops: (() => void)[] = [];

	constructor(options: PublisherOptions) {
		this.#options = options;
		this.#last = options.last;
		this.#limit = options.limit;
		this.#isFenced = !options.hasPredecessor;
		this.#room = options.isReplicated && options.limit >= 0 ? new Room() : undefined;
		const { session, names } = options;
		const { connection, packages } = session;
		this.#inbox = packages.transport.createInbox(INBOX);
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
		session.onDisconnect(() => {
			this.#connection++;
			this.#halt();
		});
		session.onReconnect(() => void this.#lookAgain());
		session.onRefusal((subject, error) => {
			if (subject.startsWith(`${names.subject}.`)) this.#fail(error);
		});
		if (!this.#isFenced) this.send(mark());
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
		this.#records.add(parcel);
		this.#fly();
	}

	/**
	 * Gives a parcel up. It is not sent if no record of it can have arrived. Otherwise it is settled as if it had not
	 * been given up, except that records of it that can't have arrived are dropped, and so is the message then by its
	 * receiver.
	 *
	 * @returns true if it is dropped already
	 */
	withdraw(parcel: Parcel): boolean {
		parcel.withdrawn = true;
		const mayArrive = this.#records.mayArrive(parcel);
		if (!mayArrive) this.#records.dropWithdrawn();
		return !mayArrive;
	}

	/** Publishes what is not on its way, as far as the window has room. */
	#fly(): void {
		const { session, names, epoch } = this.#options;
		const window = this.#isFenced ? WINDOW : 1;
		while (!this.#isPaused && this.#flown < window) {
			const record = this.#records.at(this.#flown);
			if (record === undefined) break;
			const { parcel, index, number } = record;
			const { kind, payload } = parcel.records[index] as Parcel["records"][number];
			const subject = `${names.subject}.${epoch}.${kind}`;
			if (this.#flown > 0 && this.#flownBytes + payload.length > WINDOW_BYTES) break;
			const bytes = recordBytes(subject, payload);
			if (this.#room?.fits(bytes) === false) {
				void this.#measure(this.#room, bytes);
				break;
			}
			const expected = this.#last + this.#flown;
			record.sentBy ??= this.#connection;
			record.copies = (record.copies ?? 0) + 1;
			record.bytes = bytes;
			this.#room?.send(bytes);
			this.#flown++;
			this.#flownBytes += payload.length;
			const headers = session.packages.transport.headers();
			headers.set(EXPECTED, String(expected));
			headers.set(EPOCH, String(epoch));
			headers.set(NUMBER, String(number));
			session.connection.publish(subject, payload, {
				headers,
				reply: `${this.#inbox}.${this.#round}.${expected + 1}`,
			});
		}
		this.#watchSilence();
	}

	/** Asks how full the stream is, and goes on if it has room for so many bytes. */
	async #measure(room: Room, bytes: number): Promise<void> {
		if (this.#isMeasuring) return;
		this.#isMeasuring = true;
		const round = this.#round;
		const last = this.#last;
		try {
			await room.measure(async () => {
				const { session, names } = this.#options;
				const { state } = await session.manager.streams.info(names.stream);
				// The leader is another one, or what is on its way is.
				if (state.last_seq < last || round !== this.#round) throw new Error("this answer is of no use");
				return this.#limit - state.bytes;
			});
		} catch {
			if (round === this.#round) void this.#lookAgain(PAUSE);
		} finally {
			this.#isMeasuring = false;
		}
		if (round !== this.#round) {
			if (!this.#isPaused) this.#fly();
			return;
		}
		if (room.fits(bytes)) return this.#fly();
		// Otherwise the next answer asks again.
		if (this.#flown > 0) return;
		this.#halt();
		void this.#waitForRoom();
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
		const { seq, error } = parseAnswer(text, status);
		this.#refusal?.take(round, position, seq !== undefined);
		if (round !== this.#round || position <= this.#last) return;
		if (seq === position) {
			// If it is stored, so is all before it.
			while (this.#last < position) this.#stored();
			this.#options.onFull(false);
			this.#fly();
			return;
		}
		if (error === NO_ROOM) {
			// What is before it may be stored: several servers answer that when they have agreed on it, and this at once.
			const behind = this.#records.slice(position - this.#last - 1, this.#flown);
			const refusal = new Refusal(round, position, behind);
			refusal.take(round, position, false);
			this.#halt();
			void this.#waitForRoom(refusal);
		} else if (error === NO_RESOURCES) {
			this.#halt();
			this.#fail(noStorage(this.#options.names.link, "a message"));
		} else void this.#lookAgain(error === NO_STREAM_LISTENS || this.#options.isReplicated ? PAUSE : 0);
	}

	/** Publishes no more until `#lookAgain`. */
	#halt(): void {
		this.#round++;
		this.#isPaused = true;
		this.#flown = 0;
		this.#flownBytes = 0;
		this.#room?.begin(0);
		clearTimeout(this.#silence);
	}

	#stored(): void {
		const { parcel, index, bytes = 0 } = this.#records.shift();
		this.#last++;
		if (index === 0) parcel.first = this.#last;
		if (!this.#isFenced) this.#options.onFenced();
		this.#isFenced = true;
		if (this.#flown > 0) {
			this.#flownBytes -= parcel.records[index]?.payload.length ?? 0;
			this.#room?.store(bytes);
		}
		this.#flown = Math.max(this.#flown - 1, 0);
		parcel.stored = index + 1;
		if (parcel.stored === parcel.records.length) parcel.onSettled(undefined, this.#last);
	}

	/** @param refusal undefined if nothing was sent */
	async #waitForRoom(refusal?: Refusal): Promise<void> {
		this.#options.onFull(true);
		if (refusal === undefined) this.#records.dropWithdrawn();
		else await this.#takeRefusal(refusal);
		try {
			await this.#makeRoom();
		} catch (error) {
			if (isAbsent(error)) return this.#lookAgain();
			const parcel = this.#records.at(0)?.parcel;
			if (parcel === undefined || this.#records.mayArrive(parcel) || (parcel.stored ?? 0) > 0)
				return this.#fail(error);
			this.#records.remove(parcel);
			parcel.onSettled(this.#options.session.explain(error), 0);
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
			this.#records.dropWithdrawn();
		}
		await this.#lookAgain();
	}

	/** Waits for the answers to what was on its way. What has none may still be stored. */
	async #takeRefusal(refusal: Refusal): Promise<void> {
		const round = this.#round;
		this.#refusal = refusal;
		await Promise.race([refusal.answered, sleep(LOOK)]);
		if (this.#refusal === refusal) this.#refusal = undefined;
		// Otherwise the connection was lost, or copies of them were sent.
		if (round === this.#round)
			this.#records.noteRefused(refusal.refused, this.#connection, this.#options.isReplicated);
	}

	/** One message always has room, however large it is, and the next one beside it. */
	async #makeRoom(): Promise<void> {
		const { session, names } = this.#options;
		const parcel = this.#records.at(0)?.parcel;
		if (parcel === undefined || this.#limit < 0) return;
		const need = storedBytes(parcel) * 2;
		if (need <= this.#limit) return;
		await enlarge(session, names, need);
		this.#limit = need;
	}

	/** Asks how far the stream has come, and goes on from there. */
	async #lookAgain(pause = 0): Promise<void> {
		this.#halt();
		const round = this.#round;
		if (pause > 0) await sleep(pause);
		const deadline = performance.now() + (this.#options.isReplicated ? LAG : 0);
		while (!this.#isStopped && this.#failure === undefined) {
			try {
				const isPatient = performance.now() < deadline;
				const info = await standingOf(this.#options, this.#last, isPatient);
				if (round !== this.#round) return;
				if (info === undefined) {
					await sleep(PAUSE);
					continue;
				}
				const last = info.state.last_seq;
				const ours = await oursUpTo(this.#last, last, this.#records, this.#options, this.#isFenced);
				if (round !== this.#round) return;
				for (const isOurs of ours) {
					if (isOurs) this.#stored();
					else this.#last++;
				}
				this.#room?.begin(this.#limit - info.state.bytes);
				this.#isPaused = false;
				this.#fly();
				return;
			} catch (error) {
				if (round !== this.#round || this.#isStopped) return;
				if (error instanceof DhmemError || /permissions? violation/i.test(textOf(error)))
					return this.#fail(error);
				// The server does not answer, or has no leader for the stream now.
				await sleep(RETRY);
			}
		}
	}

	#fail(cause: unknown): void {
		const error = this.#options.session.explain(cause);
		this.#failure = error;
		this.#options.onFull(false);
		for (const parcel of this.#records.clear()) parcel.onSettled(error, 0);
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
