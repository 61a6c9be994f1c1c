/**
 * A stream of a NATS server, where a test chooses the order of events: when a publish is handled and when its answer
 * comes, when a question about the stream is answered, and when a connection is lost. As in servers since 2.10, the
 * answer to a question does not wait for a publish before it.
 *
 * It may also be a cluster of several servers. Its leader then refuses a record at once for which it sees no room, but
 * stores another one only when the others have agreed, and does not look at its room again, but drops its oldest record,
 * as servers of version 2.9 do. A new leader does not know yet all that the old one has confirmed.
 */
import { DhmemError } from "../../src/errors.js";
import type { Session } from "../../src/workflow/nats/session.js";
import { NO_ROOM, NO_STREAM_LISTENS } from "../../src/workflow/nats/stream.js";

const WRONG_LAST = 10071;

/** A random number below another. */
export type Pick = (below: number) => number;

export interface StoredRecord {
	readonly kind: string;
	readonly text: string;
	readonly header: ReadonlyMap<string, string>;
	/** True when its receiver has acknowledged it. It is not there any more. */
	isReleased: boolean;
	/** True when the server has dropped it to have room for others. */
	isDropped: boolean;
}

/** The bytes that each record takes. */
const SIZE = 250;

interface Connection {
	/** Publishes that were not handled. What a lost connection has brought may still be handled. */
	readonly publishes: (() => void)[];
	readonly answers: (() => void)[];
	isLost: boolean;
}

export class SimulatedServer {
	readonly records: StoredRecord[] = [];
	readonly connections: Connection[] = [];
	readonly questions: (() => void)[] = [];
	epoch = 0;
	/** The subjects of the stream. */
	subjects: readonly string[] = [];
	/** What a cluster has not agreed on yet. */
	readonly log: (() => void)[] = [];
	/** The number of the last records that the leader does not know of. */
	lag = 0;
	/** The bytes that the stream holds at most. */
	limit: number;
	readonly isCluster: boolean;

	/** @param room the number of records that the stream holds at most */
	constructor(room: number, isCluster = false) {
		this.limit = room * SIZE;
		this.isCluster = isCluster;
	}

	connect(): Connection {
		const connection = { publishes: [], answers: [], isLost: false };
		this.connections.push(connection);
		return connection;
	}

	ask<T>(answer: () => T): Promise<T> {
		return new Promise((resolve) => this.questions.push(() => resolve(answer())));
	}

	/** The position of the last record, as far as the leader knows. */
	get last(): number {
		return this.records.length - this.lag;
	}

	get bytes(): number {
		return this.records.slice(0, this.last).filter(({ isReleased }) => !isReleased).length * SIZE;
	}

	/** Handles a publish. */
	publish(
		subject: string,
		text: string,
		header: ReadonlyMap<string, string>,
		answer: (answer: object) => void,
	): void {
		const kind = subject.slice(subject.lastIndexOf(".") + 1);
		const isAdmitted = this.subjects.some(
			(each) => each.endsWith("*.*") || each === subject.replace(kind, "*"),
		);
		const store = (): object => {
			if (Number(header.get("Nats-Expected-Last-Sequence")) !== this.records.length)
				return { error: { err_code: WRONG_LAST } };
			if (!this.isCluster && this.#isFull()) return { error: { err_code: NO_ROOM } };
			this.records.push({ kind, text, header, isReleased: false, isDropped: false });
			while (this.bytes > this.limit) this.#dropOldest();
			return { seq: this.records.length };
		};
		if (!isAdmitted) answer({ error: { err_code: NO_STREAM_LISTENS } });
		else if (!this.isCluster) answer(store());
		else if (this.#isFull()) answer({ error: { err_code: NO_ROOM } });
		else this.log.push(() => answer(store()));
	}

	#isFull(): boolean {
		return this.bytes + SIZE > this.limit;
	}

	#dropOldest(): void {
		const oldest = this.records.find(({ isReleased }) => !isReleased);
		if (oldest === undefined) return;
		oldest.isReleased = true;
		oldest.isDropped = true;
	}

	/** The leader of the cluster dies. What it has received and not agreed on may be lost, and so are its answers. */
	changeLeader(pick: Pick): void {
		this.log.length = pick(this.log.length + 1);
		for (const { publishes, answers } of this.connections) {
			publishes.length = 0;
			answers.length = 0;
		}
		for (const [index, store] of this.log.entries())
			this.log[index] = () => {
				const counts = this.connections.map(({ answers }) => answers.length);
				store();
				for (const [each, { answers }] of this.connections.entries()) answers.length = counts[each] ?? 0;
			};
		this.lag = pick(Math.min(this.records.length, 4) + 1);
	}

	/** Lets one thing happen, if there is something. */
	step(pick: Pick): void {
		const possible = [
			this.questions,
			this.lag > 0 ? [() => this.lag--] : this.log,
			...this.connections.map(({ publishes }) => publishes),
			...this.connections.filter(({ isLost }) => !isLost).map(({ answers }) => answers),
		].filter(({ length }) => length > 0);
		if (possible.length > 0) possible[pick(possible.length)]?.shift()?.();
	}
}

type Act = () => void;

/** What a publisher has of a server. */
export class SimulatedClient {
	readonly #server: SimulatedServer;
	#connection: Connection;
	readonly #onLoss: Act[] = [];
	readonly #onReturn: Act[] = [];
	readonly #callbacks = new Map<string, (error: null, message: object) => void>();
	readonly session: Session;

	constructor(server: SimulatedServer) {
		this.#server = server;
		this.#connection = server.connect();
		const { records } = server;
		const session = {
			packages: { transport: { createInbox: () => "inbox", headers: () => new Map<string, string>() } },
			connection: {
				subscribe: (subject: string, { callback }: { callback: (error: null, message: object) => void }) => {
					this.#callbacks.set(subject, callback);
					return { unsubscribe: () => this.#callbacks.delete(subject) };
				},
				publish: (...args: Parameters<SimulatedClient["publish"]>) => this.publish(...args),
			},
			manager: {
				streams: {
					info: () =>
						server.ask(() => ({
							config: { subjects: server.subjects },
							state: { last_seq: server.last, bytes: server.bytes },
						})),
					update: (_: string, config: { subjects?: string[]; max_bytes?: number }) =>
						server.ask(() => {
							server.subjects = config.subjects ?? server.subjects;
							server.limit = Math.max(config.max_bytes ?? 0, server.limit);
						}),
					getMessage: (_: string, { seq }: { seq: number }) =>
						server.ask(() => {
							const record = seq > server.last ? undefined : records[seq - 1];
							return record === undefined || record.isReleased ? null : record;
						}),
				},
			},
			onDisconnect: (act: Act) => this.#onLoss.push(act),
			onReconnect: (act: Act) => this.#onReturn.push(act),
			onRefusal: () => {},
			onLockout: () => {},
			explain: (error: unknown) =>
				error instanceof DhmemError ? error : new DhmemError("DHMEM_UNSUPPORTED", String(error)),
		};
		this.session = session as unknown as Session;
	}

	publish(
		subject: string,
		payload: Uint8Array,
		{ headers, reply }: { headers: ReadonlyMap<string, string>; reply: string },
	): void {
		const { publishes, answers } = this.#connection;
		// Copied, because the caller may use its bytes again.
		const text = Buffer.from(payload).toString();
		publishes.push(() => {
			this.#server.publish(subject, text, headers, (answer) => {
				const message = { subject: reply, headers: undefined, string: () => JSON.stringify(answer) };
				answers.push(() => this.#callbacks.get("inbox.*.*")?.(null, message));
			});
		});
	}

	/** Loses the connection, and has another one at once. */
	reconnect(): void {
		this.#connection.isLost = true;
		for (const act of this.#onLoss) act();
		this.#connection = this.#server.connect();
		this.lookAgain();
	}

	/** Asks how far the stream has come, as after a silence. */
	lookAgain(): void {
		for (const act of this.#onReturn) act();
	}

	/** Says that there may be room. */
	hint(): void {
		for (const [subject, callback] of this.#callbacks) if (!subject.startsWith("inbox")) callback(null, {});
	}
}
