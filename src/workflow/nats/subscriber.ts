/**
 * Receives the records of a stream. What is not acknowledged comes again, to this process after the connection was lost, or
 * to its successor.
 */
import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import type { Consumer, ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import { DhmemError } from "../../errors.js";
import { Acknowledgements } from "./acknowledgements.js";
import { type Arrival, Assembler } from "./assembler.js";
import { ConsumerWatch } from "./consumer-watch.js";
import { makeConsumer } from "./consumers.js";
import { codeOf } from "./creating.js";
import { type Endpoint, type EndpointOptions, explaining, openEndpoint } from "./endpoint.js";
import { unrefMonitor } from "./keep-alive.js";
import { EPOCH, type Kind, NUMBER } from "./names.js";
import { checkStream, type Notes } from "./notes.js";
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
/** Milliseconds between attempts to reach the server. */
const RETRY = 250;
/** Milliseconds for which a server that leads a cluster only now may not know a stream. */
const LAG = 10_000;

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
	readonly #assembler: Assembler;
	/** The position of the last record that was seen, and the newest epoch of a sender. */
	#seen = 0;
	#newest = 0;
	/** The last record, by its sender and its number. */
	#latest = { epoch: 0, number: -1 };
	/** Records that are not acknowledged, by their position, as they came last. */
	readonly #records = new Map<number, JsMsg>();
	#pumping: Promise<void> = Promise.resolve();
	readonly #acknowledgements = new Acknowledgements();
	#hint: NodeJS.Timeout | undefined;
	/** True after the end has come. What follows belongs to the next stream. */
	#hasEnd = false;
	#isClosed = false;
	/** True when nothing is received any more, so that releases mean nothing either. */
	#hasFailed = false;
	/** The server refuses acknowledgements, so what was released comes again. */
	#refusal: DhmemError | undefined;

	constructor(options: EndpointOptions, notes: Notes, handlers: Handlers) {
		this.#options = options;
		this.#notes = notes;
		this.#handlers = handlers;
		this.#assembler = new Assembler(options, {
			onMessage: (arrival) => handlers.onMessage(arrival),
			onDiscarded: (arrival) => this.acknowledge(arrival),
			onWithdrawn: (arrival) => this.#onWithdrawn(arrival),
		});
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
				/^\$JS\.(ACK|([^.]+\.)?API\.CONSUMER\.MSG\.NEXT)\./.test(subject) &&
				subject.split(".").includes(names.stream)
			) {
				if (subject.startsWith("$JS.ACK.")) this.#refusal = error;
				this.#fail(error);
			}
		});
		if (info.config.num_replicas > 1) this.#watch = this.#watchConsumer(endpoint);
		await this.#subscribe(endpoint);
		session.onReconnect(() => void this.#beginAgain(endpoint));
		return endpoint;
	}

	#watchConsumer(endpoint: Endpoint): ConsumerWatch {
		return new ConsumerWatch({
			counts: async () => {
				// In this order, so that what comes meanwhile is no difference.
				const { state } = await endpoint.session.manager.streams.info(endpoint.names.stream);
				const found = await this.#consumer?.info();
				return (
					found && {
						stored: state.messages,
						pending: found.num_pending,
						unacknowledged: found.num_ack_pending,
					}
				);
			},
			held: () => {
				const received = this.#messages?.getReceived() ?? 0;
				const processed = this.#messages?.getProcessed() ?? 0;
				return this.#records.size + received - processed;
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
			if (seq <= this.#seen) {
				// Either it is still here, or its acknowledgement was lost.
				if (this.#records.has(seq)) this.#records.set(seq, record);
				else this.#acknowledge(record);
				continue;
			}
			// The rest of a message that its sender has dropped, or could not complete.
			if (seq !== this.#seen + 1) this.#assembler.discard();
			this.#seen = seq;
			const number = Number(record.headers?.get(NUMBER) || Number.NaN);
			if (epoch === this.#latest.epoch && number <= this.#latest.number) {
				// It was stored twice.
				this.#acknowledge(record);
				continue;
			}
			this.#latest = { epoch, number };
			if (epoch < this.#newest) {
				this.#acknowledge(record);
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
	async #take(kind: Kind, record: JsMsg, endpoint: Endpoint): Promise<boolean> {
		const { seq } = record;
		if (kind === "more") {
			const isPart = await this.#assembler.goOn(record, endpoint);
			if (!isPart) this.acknowledge({ first: seq, last: seq });
			return !this.#isClosed;
		}
		this.#assembler.discard();
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
		await this.#assembler.begin(kind, record, endpoint);
		return !this.#isClosed;
	}

	/** The send of a message was given up after it was published. */
	#onWithdrawn(arrival: Arrival): void {
		this.#notes.received++;
		this.acknowledge(arrival);
	}

	acknowledge({ first, last }: Pick<Arrival, "first" | "last">): void {
		for (let position = first; position <= last; position++) {
			const record = this.#records.get(position);
			this.#records.delete(position);
			if (record !== undefined) this.#acknowledge(record);
		}
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
		this.#assembler.stop();
		this.#watch?.stop();
		this.#messages?.stop();
		clearTimeout(this.#hint);
		const endpoint = await this.#ready.catch(() => undefined);
		await this.#pumping;
		this.#assembler.close();
		if (this.#refusal !== undefined) throw this.#refusal;
		if (endpoint === undefined || this.#hasFailed) return;
		try {
			await this.#acknowledgements.settle(endpoint, this.#watch !== undefined);
		} catch (error) {
			throw endpoint.session.explain(error);
		}
	}
}
