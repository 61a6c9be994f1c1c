/**
 * A stream of a NATS server, where a test chooses the order of events: when a publish is handled and when its answer
 * comes, when a question about the stream is answered, and when a connection is lost. As in servers since 2.10, the
 * answer to a question does not wait for a publish before it.
 */
import { DhmemError } from "../../src/errors.js";
import type { Session } from "../../src/workflow/nats/session.js";
import { NO_ROOM, NO_STREAM_LISTENS, WRONG_LAST } from "../../src/workflow/nats/stream.js";

/** A random number below another. */
export type Pick = (below: number) => number;

export interface StoredRecord {
	readonly kind: string;
	readonly text: string;
	readonly header: ReadonlyMap<string, string>;
	/** True when its receiver has acknowledged it. It is not there any more. */
	isReleased: boolean;
}

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
	readonly #room: number;

	/** @param room the number of records that the stream holds at most */
	constructor(room: number) {
		this.#room = room;
	}

	connect(): Connection {
		const connection = { publishes: [], answers: [], isLost: false };
		this.connections.push(connection);
		return connection;
	}

	ask<T>(answer: () => T): Promise<T> {
		return new Promise((resolve) => this.questions.push(() => resolve(answer())));
	}

	/** The answer to a publish. */
	store(subject: string, text: string, header: ReadonlyMap<string, string>): object {
		const kind = subject.slice(subject.lastIndexOf(".") + 1);
		const isAdmitted = this.subjects.some(
			(each) => each.endsWith("*.*") || each === subject.replace(kind, "*"),
		);
		if (!isAdmitted) return { error: { err_code: NO_STREAM_LISTENS } };
		if (Number(header.get("Nats-Expected-Last-Sequence")) !== this.records.length)
			return { error: { err_code: WRONG_LAST } };
		if (this.records.filter(({ isReleased }) => !isReleased).length >= this.#room)
			return { error: { err_code: NO_ROOM } };
		this.records.push({ kind, text, header, isReleased: false });
		return { seq: this.records.length };
	}

	/** Lets one thing happen, if there is something. */
	step(pick: Pick): void {
		const possible = [
			this.questions,
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
							state: { last_seq: records.length },
						})),
					update: (_: string, { subjects }: { subjects: string[] }) =>
						server.ask(() => {
							server.subjects = subjects;
						}),
					getMessage: (_: string, { seq }: { seq: number }) =>
						server.ask(() => {
							const record = records[seq - 1];
							return record === undefined || record.isReleased ? null : record;
						}),
				},
			},
			onDisconnect: (act: Act) => this.#onLoss.push(act),
			onReconnect: (act: Act) => this.#onReturn.push(act),
			onRefusal: () => {},
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
			const answer = JSON.stringify(this.#server.store(subject, text, headers));
			const message = { subject: reply, headers: undefined, string: () => answer };
			answers.push(() => this.#callbacks.get("inbox.*.*")?.(null, message));
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
