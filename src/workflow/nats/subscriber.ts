/**
 * Receives the records of a stream and puts them together again, in blocks of the task's region. What is not
 * acknowledged comes again, to this process after the connection was lost, or to its successor.
 */
import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import type { Consumer, ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import { DhmemError, isFull } from "../../errors.js";
import type { Block } from "../../memory/block.js";
import { Acknowledgements } from "./acknowledgements.js";
import { LENGTHS, lengthsIn } from "./chunks.js";
import { ConsumerWatch } from "./consumer-watch.js";
import { makeConsumer } from "./consumers.js";
import { codeOf } from "./creating.js";
import { type Endpoint, type EndpointOptions, explaining, openEndpoint } from "./endpoint.js";
import { unrefMonitor } from "./keep-alive.js";
import { EPOCH, type Kind, NUMBER } from "./names.js";
import { checkStream, type Notes } from "./notes.js";
import { BodyRecords } from "./pull/body-records.js";
import { memoryOf } from "./pull/memory.js";
import { decodeReference, type Reference } from "./pull/reference.js";
import type { Retrieval, Retrieved } from "./pull/retrieval.js";
import { retrieve } from "./pull/retrieve.js";
import { askFor } from "./pull/uploaded.js";
import { NO_STREAM, openStream, streamGone } from "./stream.js";

/**
 * Records that the client fetches ahead, of at most 1 MiB each. Not by a number of bytes: behind small records,
 * large ones would wait until such a request has expired.
 */
const AHEAD = 32;
/**
 * Milliseconds after which the server says that it has nothing, in a cluster. Twice as long after the leader of a consumer
 * is gone, that is noticed. A server that is alone goes away with its connection, so the client's 15 seconds do there.
 */
const HEARTBEAT = 2000;
/** Milliseconds within which releases become one hint to the sender. */
const HINT = 2;
/** Milliseconds between attempts: to allocate, and to reach the server. */
const PAUSE = 20;
const RETRY = 250;
/** Milliseconds for which a server that leads a cluster only now may not know a stream. */
const LAG = 10_000;
/** Milliseconds after which room is asked for. */
const FULL = 1000;

/** A message in blocks of this region. It has no block for its data if it has none. */
export interface Arrival {
	readonly first: number;
	last: number;
	readonly length: number;
	readonly data: Block | undefined;
	readonly carried: Block | undefined;
	/** If the carried block was sent by reference. */
	readonly reference?: Reference | undefined;
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
	#consumer: Consumer | undefined;
	#messages: ConsumerMessages | undefined;
	/** If several servers store the stream. */
	#watch: ConsumerWatch | undefined;
	/** True while a record is dealt with. */
	#isBusy = false;
	/** Raised when the subscription begins again. */
	#round = 0;
	#partial: Partial | undefined;
	/** The position of the last record that was seen, and the newest epoch of a sender. */
	#seen = 0;
	#newest = 0;
	/** The last record, by its sender and its number, apart from parts of blocks that were sent by reference. */
	#latest = { epoch: 0, number: -1 };
	/** Records that are not acknowledged, by their position, as they came last. */
	readonly #records = new Map<number, JsMsg>();
	readonly #bodies = new BodyRecords();
	/** The epoch of a sender that has died with a block. What it has sent after that is dropped. */
	#lost = 0;
	readonly #addresses: Retrieval["addresses"] = new Map();
	readonly #closing = new AbortController();
	#pumping: Promise<void> = Promise.resolve();
	readonly #acknowledgements = new Acknowledgements();
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
		const info = await openStream(session, names, this.#options.link, await endpoint.isSecond());
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
		if (info.config.num_replicas > 1) this.#watch = this.#watchConsumer(endpoint);
		await this.#subscribe(endpoint);
		session.onReconnect(() => void this.#beginAgain(endpoint));
		return endpoint;
	}

	#watchConsumer(endpoint: Endpoint): ConsumerWatch {
		return new ConsumerWatch({
			info: async () => this.#consumer?.info(),
			held: () => {
				const received = this.#messages?.getReceived() ?? 0;
				const processed = this.#messages?.getProcessed() ?? 0;
				return this.#records.size + this.#bodies.size + received - processed;
			},
			isWaiting: () =>
				this.#consumer !== undefined &&
				!(this.#isBusy || this.#hasEnd || this.#isClosed || this.#hasFailed) &&
				!endpoint.session.connection.isClosed(),
			onConfirmed: () => this.#acknowledgements.confirm(),
			onLost: () => void this.#beginAgain(endpoint),
		});
	}

	/** Begins with everything that is not acknowledged. */
	async #subscribe(endpoint: Endpoint): Promise<void> {
		const { session } = endpoint;
		const round = this.#round;
		this.#messages?.stop();
		const isReplicated = this.#watch !== undefined;
		const consumer = await makeConsumer(endpoint, isReplicated);
		const messages = await consumer.consume({
			max_messages: AHEAD,
			...(isReplicated ? { idle_heartbeat: HEARTBEAT } : {}),
		});
		if (round !== this.#round || this.#isClosed) return messages.stop();
		this.#consumer = consumer;
		this.#messages = messages;
		unrefMonitor(messages);
		void this.#follow(messages, endpoint, round);
		// Its predecessor may still be busy with a record.
		this.#pumping = this.#pumping
			.then(() => this.#pump(messages, endpoint, round))
			.catch((error) => this.#fail(session.explain(error)));
	}

	async #follow(messages: ConsumerMessages, endpoint: Endpoint, round: number): Promise<void> {
		for await (const { type } of messages.status()) {
			unrefMonitor(messages);
			if (round !== this.#round || this.#isClosed) return;
			if (type === "stream_not_found") this.#fail(streamGone(endpoint.names));
			// A deletion alone proves nothing: the server may have lost the consumer.
			if (type === "heartbeat") this.#watch?.hear();
			if (type === "heartbeats_missed" || type === "no_responders") this.#watch?.suspect();
			if (type === "consumer_deleted" || type === "consumer_not_found") void this.#beginAgain(endpoint);
		}
	}

	/** What was on its way here is lost, and comes again to a new consumer. */
	async #beginAgain(endpoint: Endpoint): Promise<void> {
		const round = ++this.#round;
		const deadline = performance.now() + (this.#watch === undefined ? 0 : LAG);
		this.#consumer = undefined;
		while (!this.#isClosed && !this.#hasEnd && round === this.#round) {
			try {
				return await this.#subscribe(endpoint);
			} catch (error) {
				if (error instanceof DhmemError) return this.#fail(error);
				if (codeOf(error) === NO_STREAM && performance.now() > deadline)
					return this.#fail(streamGone(endpoint.names));
				await sleep(RETRY);
			}
		}
	}

	async #pump(messages: ConsumerMessages, endpoint: Endpoint, round: number): Promise<void> {
		let delivered = 0;
		for await (const record of messages) {
			if (this.#isClosed || round !== this.#round) return;
			this.#watch?.note();
			if (this.#watch !== undefined) {
				const { deliverySequence } = record.info;
				// A new leader may deliver something again. What it leaves out was lost.
				if (deliverySequence > delivered + 1) {
					void this.#beginAgain(endpoint);
					return;
				}
				delivered = deliverySequence;
			}
			const epoch = Number(record.headers?.get(EPOCH) ?? 0);
			const { seq } = record;
			const kind = record.subject.slice(record.subject.lastIndexOf(".") + 1) as Kind;
			const isKept = kind === "body" && this.#bodies.keep(record);
			if (seq <= this.#seen) {
				// Either it is still here, or its acknowledgement was lost.
				if (this.#records.has(seq)) this.#records.set(seq, record);
				else if (!isKept) this.#acknowledge(record);
				continue;
			}
			// The rest of a message that its sender has dropped, or could not complete.
			if (seq !== this.#seen + 1) this.#discard();
			this.#seen = seq;
			if (kind === "body") {
				if (!isKept) this.#acknowledge(record);
				continue;
			}
			const number = Number(record.headers?.get(NUMBER) || Number.NaN);
			if (epoch === this.#latest.epoch && number <= this.#latest.number) {
				// It was stored twice.
				this.#acknowledge(record);
				continue;
			}
			this.#latest = { epoch, number };
			if (epoch < this.#newest) {
				this.#acknowledge(record);
				if (epoch === this.#lost && ["whole", "first", "refer"].includes(kind)) this.#notes.received++;
				continue;
			}
			this.#newest = epoch;
			this.#records.set(seq, record);
			this.#isBusy = true;
			const isMore = await this.#take(kind, record, endpoint);
			this.#isBusy = false;
			if (!isMore) return;
		}
	}

	/** @returns false when no more is received */
	async #take(kind: Kind, { seq, data }: JsMsg, endpoint: Endpoint): Promise<boolean> {
		const { link } = endpoint.names;
		if (kind === "more") {
			if (this.#partial === undefined) this.acknowledge({ first: seq, last: seq });
			else await this.#fill(this.#partial, seq, data, endpoint);
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
		const referring = kind === "refer" ? decodeReference(data, link) : undefined;
		const lengths =
			referring ?? (kind === "first" ? lengthsIn(data, link) : { data: data.length, block: undefined });
		const onFull = this.#askWhileFull(endpoint);
		const blocks: (Block | undefined)[] = [];
		for (const bytes of [lengths.data, lengths.block]) {
			// A block has at least one byte.
			blocks.push(bytes ? await this.#allocate(bytes, onFull) : undefined);
			if (this.#isClosed) {
				for (const block of blocks) block?.free();
				return false;
			}
		}
		const [block, carried] = blocks;
		const reference = referring?.reference;
		if (reference !== undefined) this.#bodies.open(reference.id);
		const partial = {
			first: seq,
			last: seq,
			length: lengths.data,
			data: block,
			carried,
			filled: 0,
			reference,
		};
		this.#partial = partial;
		const rest = referring?.rest ?? (kind === "first" ? data.subarray(LENGTHS) : data);
		await this.#fill(partial, seq, rest, endpoint);
		return !this.#isClosed;
	}

	async #fill(partial: Partial, seq: number, bytes: Uint8Array, endpoint: Endpoint): Promise<void> {
		partial.last = seq;
		const { data, carried, length, reference } = partial;
		const total = length + (reference === undefined ? (carried?.length ?? 0) : 0);
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
		if (reference === undefined || (await this.#retrieve(partial, reference, endpoint)))
			this.#handlers.onMessage(partial);
	}

	/** While there is no room, the blocks that the sender holds have to leave the memory, if theirs is the same. */
	#askWhileFull(endpoint: Endpoint): () => void {
		let next = performance.now() + FULL;
		return () => {
			if (performance.now() < next) return;
			next += FULL;
			const memory = memoryOf(this.#options.region);
			if (memory !== "") askFor(endpoint, "full", memory);
		};
	}

	/** Gets the block of a message. @returns false if it does not come */
	async #retrieve(partial: Partial, reference: Reference, endpoint: Endpoint): Promise<boolean> {
		const target = partial.carried?.bytes ?? new Uint8Array(0);
		const epoch = this.#newest;
		const { isPullOff } = this.#options;
		const { signal } = this.#closing;
		const addresses = this.#addresses;
		const position = partial.first;
		let result: Retrieved = "closed";
		try {
			result = await retrieve({
				endpoint,
				epoch,
				position,
				reference,
				target,
				signal,
				isPullOff,
				addresses,
			});
			if (result === "whole" && !this.#isClosed) return true;
		} finally {
			if (result !== "whole" || this.#isClosed) {
				partial.data?.free();
				partial.carried?.free();
			}
		}
		if (this.#isClosed) return false;
		if (result === "lost") {
			this.#lost = epoch;
			this.#newest = epoch + 1;
		}
		this.#notes.received++;
		this.acknowledge(partial);
		return false;
	}

	/** Waits until the region has room: the task or another one may release something. */
	async #allocate(bytes: number, onFull: () => void): Promise<Block | undefined> {
		while (!this.#isClosed) {
			try {
				return this.#options.region.allocate(bytes);
			} catch (error) {
				if (!isFull(error)) throw error;
			}
			onFull();
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

	acknowledge({ first, last, reference }: Pick<Arrival, "first" | "last" | "reference">): void {
		for (let position = first; position <= last; position++) {
			const record = this.#records.get(position);
			this.#records.delete(position);
			if (record !== undefined) this.#acknowledge(record);
		}
		if (reference !== undefined)
			for (const record of this.#bodies.close(reference.id)) this.#acknowledge(record);
		this.#hint ??= setTimeout(() => void this.#tellSender(), HINT).unref();
	}

	#acknowledge(record: JsMsg): void {
		this.#acknowledgements.add(record);
		this.#watch?.note();
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
		this.#closing.abort();
		this.#watch?.stop();
		this.#messages?.stop();
		clearTimeout(this.#hint);
		const endpoint = await this.#ready.catch(() => undefined);
		await this.#pumping;
		this.#partial?.data?.free();
		this.#partial?.carried?.free();
		this.#partial = undefined;
		if (endpoint === undefined || this.#hasFailed) return;
		try {
			await this.#acknowledgements.settle(endpoint, this.#watch !== undefined);
		} catch (error) {
			throw endpoint.session.explain(error);
		}
	}
}
