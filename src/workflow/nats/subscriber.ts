/**
 * Receives the records of a stream and puts them together again, in blocks of the task's region. What is not
 * acknowledged comes again, to this process after the connection was lost, or to its successor.
 */
import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import { DhmemError, isFull } from "../../errors.js";
import type { Block } from "../../memory/block.js";
import { LENGTHS, lengthsIn } from "./chunks.js";
import { nameOf, removeOlder, taken } from "./consumers.js";
import { type Endpoint, type EndpointOptions, explaining, openEndpoint } from "./endpoint.js";
import { unrefMonitor } from "./keep-alive.js";
import { EPOCH, type Kind, type StreamNames } from "./names.js";
import { checkStream, type Notes } from "./notes.js";
import { textOf } from "./session.js";
import { codeOf, NO_STREAM, openStream, streamGone } from "./stream.js";

/**
 * Records that the client fetches ahead, of at most 1 MiB each. Not by a number of bytes: behind small records,
 * large ones would wait until such a request has expired.
 */
const AHEAD = 32;
/** Milliseconds for which the server waits with an acknowledgement: longer than any task computes. */
const ACK_WAIT = 24 * 3600 * 1000;
/** Milliseconds within which releases become one hint to the sender. */
const HINT = 2;
/** Milliseconds between attempts: to allocate, and to reach the server. */
const PAUSE = 20;
const RETRY = 250;
/** Milliseconds for all attempts to become the stream's consumer. */
const PATIENCE = 10_000;

/** A message in blocks of this region. It has no block for its data if it has none. */
export interface Arrival {
	readonly first: number;
	last: number;
	readonly length: number;
	readonly data: Block | undefined;
	readonly carried: Block | undefined;
}

interface Partial extends Arrival {
	/** Bytes that have arrived. */
	filled: number;
}

interface Handlers {
	onMessage(arrival: Arrival): void;
	onEnd(position: number): void;
	onFailure(error: unknown): void;
}

export class Subscriber {
	readonly #options: EndpointOptions;
	readonly #notes: Notes;
	readonly #handlers: Handlers;
	readonly #ready: Promise<Endpoint>;
	#messages: ConsumerMessages | undefined;
	/** Raised when the subscription begins again. */
	#round = 0;
	#partial: Partial | undefined;
	/** The position of the last record that was seen, and the newest epoch of a sender. */
	#seen = 0;
	#newest = 0;
	/** Records that are not acknowledged, by their position, as they came last. */
	readonly #records = new Map<number, JsMsg>();
	#lastReply: string | undefined;
	#hint: NodeJS.Timeout | undefined;
	/** True after the end has come. What follows belongs to the next stream. */
	#hasEnd = false;
	#isClosed = false;
	/** True when nothing is received any more, so that releases mean nothing either. */
	#hasFailed = false;

	constructor(options: EndpointOptions, notes: Notes, handlers: Handlers) {
		this.#options = options;
		this.#notes = notes;
		this.#handlers = handlers;
		this.#ready = explaining(options, () => this.#open());
		this.#ready.catch((error) => this.#fail(error));
	}

	#fail(error: unknown): void {
		this.#hasFailed = true;
		this.#handlers.onFailure(error);
	}

	async #open(): Promise<Endpoint> {
		const endpoint = await openEndpoint(this.#options, "receiver");
		const { session, names } = endpoint;
		const info = await openStream(session, names, this.#options.link);
		checkStream(this.#notes, info.created);
		this.#notes.capacity = info.config.max_bytes;
		// Requests for messages and acknowledgements have the stream's name in their subjects.
		session.onRefusal((subject, error) => {
			if (
				/^\$JS\.(API\.CONSUMER\.MSG\.NEXT|ACK)\./.test(subject) &&
				subject.split(".").includes(names.stream)
			)
				this.#fail(error);
		});
		await this.#subscribe(endpoint);
		session.onReconnect(() => void this.#beginAgain(endpoint));
		return endpoint;
	}

	/** Makes a consumer of its own, which gets everything that is not acknowledged, in order. */
	async #subscribe(endpoint: Endpoint): Promise<void> {
		const { session, names } = endpoint;
		const { AckPolicy, DeliverPolicy, jetstream } = session.packages.jetstream;
		const round = this.#round;
		this.#messages?.stop();
		const deadline = performance.now() + PATIENCE;
		for (;;) {
			try {
				await removeOlder(endpoint);
				await session.manager.consumers.add(names.stream, {
					durable_name: nameOf(endpoint.epoch),
					ack_policy: AckPolicy.Explicit,
					deliver_policy: DeliverPolicy.All,
					ack_wait: ACK_WAIT * 1e6,
					max_ack_pending: -1,
				});
				break;
			} catch (error) {
				// Another process has made one just now. Or a server of version 2.9 could not delete one at once,
				// because it was still writing its files.
				if (error instanceof DhmemError || codeOf(error) === NO_STREAM) throw error;
				if (performance.now() > deadline) throw error;
				await sleep(PAUSE);
			}
		}
		const consumer = await jetstream(session.connection).consumers.get(names.stream, nameOf(endpoint.epoch));
		const messages = await consumer.consume({ max_messages: AHEAD });
		if (round !== this.#round || this.#isClosed) return messages.stop();
		this.#messages = messages;
		unrefMonitor(messages);
		void this.#follow(messages, endpoint, round);
		void this.#pump(messages, names, round).catch((error) => this.#fail(session.explain(error)));
	}

	async #follow(messages: ConsumerMessages, endpoint: Endpoint, round: number): Promise<void> {
		for await (const { type } of messages.status()) {
			unrefMonitor(messages);
			if (round !== this.#round || this.#isClosed) return;
			if (type === "stream_not_found") this.#fail(streamGone(endpoint.names));
			// A deletion alone proves nothing: the server may have lost the consumer.
			if (type === "consumer_deleted" || type === "consumer_not_found") void this.#beginAgain(endpoint);
		}
	}

	/** What was on its way here is lost, and comes again to a new consumer. */
	async #beginAgain(endpoint: Endpoint): Promise<void> {
		const round = ++this.#round;
		while (!this.#isClosed && !this.#hasEnd && round === this.#round) {
			try {
				return await this.#subscribe(endpoint);
			} catch (error) {
				if (error instanceof DhmemError) return this.#fail(error);
				if (codeOf(error) === NO_STREAM) return this.#fail(streamGone(endpoint.names));
				await sleep(RETRY);
			}
		}
	}

	async #pump(messages: ConsumerMessages, names: StreamNames, round: number): Promise<void> {
		for await (const record of messages) {
			if (this.#isClosed || round !== this.#round) return;
			const epoch = Number(record.headers?.get(EPOCH) ?? 0);
			const { seq } = record;
			if (seq <= this.#seen) {
				// Either it is still here, or its acknowledgement was lost.
				if (this.#records.has(seq)) this.#records.set(seq, record);
				else this.#acknowledge(record);
				continue;
			}
			// The rest of a message that its sender has dropped, or could not complete.
			if (seq !== this.#seen + 1) this.#discard();
			this.#seen = seq;
			if (epoch < this.#newest) {
				this.#acknowledge(record);
				continue;
			}
			this.#newest = epoch;
			this.#records.set(seq, record);
			const kind = record.subject.slice(record.subject.lastIndexOf(".") + 1) as Kind;
			if (!(await this.#take(kind, record, names))) return;
		}
	}

	/** @returns false when no more is received */
	async #take(kind: Kind, { seq, data }: JsMsg, { link }: StreamNames): Promise<boolean> {
		if (kind === "more") {
			if (this.#partial === undefined) this.acknowledge({ first: seq, last: seq });
			else this.#fill(this.#partial, seq, data);
			return !this.#isClosed;
		}
		this.#discard();
		if (kind === "end") {
			if (seq > this.#notes.read) {
				this.#hasEnd = true;
				this.#messages?.stop();
				this.#handlers.onEnd(seq);
				return false;
			}
			// A run that has finished has read it.
			this.acknowledge({ first: seq, last: seq });
			return true;
		}
		const lengths = kind === "first" ? lengthsIn(data, link) : { data: data.length, block: undefined };
		const blocks: (Block | undefined)[] = [];
		for (const bytes of [lengths.data, lengths.block]) {
			// A block has at least one byte.
			blocks.push(bytes ? await this.#allocate(bytes) : undefined);
			if (this.#isClosed) {
				for (const block of blocks) block?.free();
				return false;
			}
		}
		const [block, carried] = blocks;
		const partial = { first: seq, last: seq, length: lengths.data, data: block, carried, filled: 0 };
		this.#partial = partial;
		this.#fill(partial, seq, kind === "first" ? data.subarray(LENGTHS) : data);
		return true;
	}

	#fill(partial: Partial, seq: number, bytes: Uint8Array): void {
		partial.last = seq;
		const { data, carried, length } = partial;
		const total = length + (carried?.length ?? 0);
		if (partial.filled + bytes.length > total) {
			this.#discard();
			return;
		}
		// A chunk belongs to the data or to the block, never to both.
		if (partial.filled < length) data?.bytes.set(bytes, partial.filled);
		else carried?.bytes.set(bytes, partial.filled - length);
		partial.filled += bytes.length;
		if (partial.filled < total) return;
		this.#partial = undefined;
		this.#handlers.onMessage(partial);
	}

	/** Waits until the region has room: the task or another one may release something. */
	async #allocate(bytes: number): Promise<Block | undefined> {
		while (!this.#isClosed) {
			try {
				return this.#options.region.allocate(bytes);
			} catch (error) {
				if (!isFull(error)) throw error;
			}
			await sleep(PAUSE);
		}
		return undefined;
	}

	#discard(): void {
		const partial = this.#partial;
		if (partial === undefined) return;
		this.#partial = undefined;
		partial.data?.free();
		partial.carried?.free();
		this.acknowledge(partial);
	}

	acknowledge({ first, last }: { readonly first: number; readonly last: number }): void {
		for (let position = first; position <= last; position++) {
			const record = this.#records.get(position);
			this.#records.delete(position);
			if (record !== undefined) this.#acknowledge(record);
		}
		this.#hint ??= setTimeout(() => void this.#tellSender(), HINT).unref();
	}

	#acknowledge(record: JsMsg): void {
		record.ack();
		this.#lastReply = (record as JsMsg & { readonly reply: string }).reply;
	}

	/** A sender that waits for room looks by itself, too. */
	async #tellSender(): Promise<void> {
		this.#hint = undefined;
		const { session, names } = await this.#ready;
		if (!session.connection.isClosed()) session.connection.publish(names.room);
	}

	/** Resolves when the server knows what was acknowledged. */
	async close(): Promise<void> {
		this.#isClosed = true;
		this.#messages?.stop();
		clearTimeout(this.#hint);
		const endpoint = await this.#ready.catch(() => undefined);
		this.#partial?.data?.free();
		this.#partial?.carried?.free();
		this.#partial = undefined;
		if (endpoint === undefined || this.#hasFailed || this.#lastReply === undefined) return;
		const { connection, explain } = endpoint.session;
		try {
			// The server handles acknowledgements in their order, and answers this one, which repeats the last.
			await connection.request(this.#lastReply, "+ACK", { timeout: 5000 });
		} catch (error) {
			throw /no responders/i.test(textOf(error)) ? taken(endpoint.names.link) : explain(error);
		}
	}
}
