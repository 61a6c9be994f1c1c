/** The sending end of a link over NATS. */
import { setTimeout as sleep } from "node:timers/promises";
import { DhmemError, isFull } from "../../errors.js";
import type { Block } from "../../memory/block.js";
import { checkMessageSize } from "../../queue/message-sender.js";
import type { Sendable } from "../../queue/sendable.js";
import type { Region } from "../../region.js";
import { bytesOf, type WaitOptions } from "../../values/arguments.js";
import { dispose } from "../../values/dispose.js";
import { reasonOf } from "../../values/signal.js";
import { tooLate } from "../../waiting/timeout.js";
import { completeOwnRun, noteEnd } from "../completion.js";
import { type Link, linkName } from "../links.js";
import type { LinkSender } from "../transport.js";
import { recordsOf } from "./chunks.js";
import { type Endpoint, type EndpointOptions, explaining, openEndpoint } from "./endpoint.js";
import { limited } from "./limited.js";
import { checkStream, type Notes, notesOf } from "./notes.js";
import { Publisher } from "./publisher.js";
import { publish } from "./publishing.js";
import { type Reference, recordsWith } from "./pull/reference.js";
import { SentBlocks } from "./pull/sent-blocks.js";
import { admitOnly, openStream, taken } from "./stream.js";

/** Milliseconds between attempts to allocate. */
const PAUSE = 20;
const DEFAULT_KEEP = 16;

interface Opened extends Endpoint {
	readonly publisher: Publisher;
}

export class NatsSender implements LinkSender {
	/** What is sent is copied in any case. */
	readonly inline = Number.POSITIVE_INFINITY;
	readonly #region: Region;
	readonly #link: Link;
	readonly #notes: Notes;
	readonly #options: EndpointOptions;
	readonly #ready: Promise<Opened | "ended before">;
	/** The positions of the first records of the messages that are kept. */
	readonly #kept: number[] = [];
	/** Those that are sending, in their order. */
	#line: Promise<unknown> = Promise.resolve();
	#unlimited = 0;
	#unsettled = 0;
	#isFull = false;
	/** True while a block waits until others are released. */
	#isHeldBack = false;
	/** The blocks that were sent by reference. */
	readonly #sent: SentBlocks;
	#isEnded = false;
	#isClosed = false;
	#endStored: Promise<void> | undefined;
	#stop: (() => void) | undefined;

	constructor(options: EndpointOptions) {
		const { region, link, task } = options;
		this.#options = options;
		this.#region = region;
		this.#link = link;
		this.#sent = new SentBlocks(options, (isFull) => {
			this.#isHeldBack = isFull;
			this.#noteWaiting();
		});
		completeOwnRun(region, task, link);
		this.#notes = notesOf(region, link);
		this.#notes.sending = 0;
		this.#ready = explaining(options, () => this.#open());
		// Each call that waits for it gets the error.
		this.#ready.catch(() => {});
	}

	async #open(): Promise<Opened | "ended before"> {
		const { link, isRun, log } = this.#options;
		const endpoint = await openEndpoint(this.#options, "sender");
		const { session, names } = endpoint;
		const found = await openStream(session, names, link, await endpoint.isSecond());
		const info = endpoint.hasPredecessor ? await admitOnly(session, names, endpoint.epoch) : found;
		// One that was replaced meanwhile must not publish, since the stream would take it.
		if ((await endpoint.currentEpoch()) !== endpoint.epoch) throw taken(names);
		checkStream(this.#notes, info.created);
		this.#notes.capacity = info.config.max_bytes;
		const last = info.state.last_seq;
		// Without a runner, a task that a signal ended after its work can't be distinguished from one that failed.
		if (isRun && (await isEndOfFailedRun(endpoint, last, this.#notes.written))) {
			log(
				`${linkName(link)} had already ended before this task was restarted; messages sent there now are dropped`,
			);
			return "ended before";
		}
		const publisher = new Publisher({
			...endpoint,
			last,
			limit: info.config.max_bytes,
			isReplicated: info.config.num_replicas > 1,
			onFull: (isFull) => {
				this.#isFull = isFull;
				this.#noteWaiting();
			},
			// It fails only without the region.
			onFenced: () => void this.#sent.settleOlder(endpoint).catch(() => {}),
		});
		this.#stop = () => publisher.stop(this.#closedError());
		return { ...endpoint, publisher };
	}

	#noteWaiting(): void {
		if (!this.#isClosed) this.#notes.sending = this.#isFull || this.#isHeldBack ? this.#unlimited : 0;
	}

	async send(
		data: Sendable,
		options: WaitOptions & { block?: Block | undefined },
		isLimited: boolean,
	): Promise<void> {
		if (this.#isClosed) throw this.#closedError();
		if (this.#isEnded) throw ended(linkName(this.#link));
		const { block } = options;
		const bytes = bytesOf(data);
		this.#region.lookWith((attachment) => {
			// Its receiver puts the message into a block.
			checkMessageSize(bytes.length, attachment.path, attachment.largestBlock);
			block?.owned(attachment);
		});
		const kept = this.#sent.referTo(block);
		this.#region.lookWith((attachment) => block?.lend(attachment));
		const count = isLimited ? 0 : 1;
		this.#unlimited += count;
		const settle = this.#unsettle();
		this.#noteWaiting();
		try {
			await this.#inLine(data, options, kept);
		} finally {
			this.#unlimited -= count;
			settle();
			this.#noteWaiting();
			block?.giveBack();
			// Does nothing if the keeper has it.
			kept?.[dispose]();
		}
		block?.free();
	}

	/** Never called, because an output shares a block only among links that do not copy what they send. */
	async sendBlock(): Promise<void> {
		throw new Error("a message over NATS is not sent as a block");
	}

	/**
	 * Sends a message behind all that were sent before.
	 *
	 * @param kept a reference to its block, if it may stay in the region
	 */
	async #inLine(
		data: Sendable,
		options: WaitOptions & { block?: Block | undefined },
		kept: Block | undefined,
	): Promise<void> {
		const { timeout, signal, block } = options;
		const deadline = performance.now() + (timeout ?? Number.POSITIVE_INFINITY);
		let isOver = false;
		let reference: Reference | undefined;
		const started = this.#line.then(async () => {
			const opened = await this.#ready;
			if (isOver || opened === "ended before") return undefined;
			reference = kept && (await this.#sent.keep(opened, kept, () => isOver));
			if (isOver) {
				if (reference !== undefined) this.#sent.giveUp(reference);
				return undefined;
			}
			const { publisher, session } = opened;
			const records =
				reference === undefined || block === undefined
					? recordsOf(session.maxPayload, bytesOf(data), block?.bytes)
					: recordsWith(reference, session.maxPayload, bytesOf(data), block.length);
			const bytes = bytesOf(data).length + (block?.length ?? 0);
			const stored = publish({
				publisher,
				records,
				timeout,
				left: timeout === undefined ? undefined : Math.max(deadline - performance.now(), 0),
				signal,
				what: this.#what(),
				onStored: (first) => {
					if (reference !== undefined) this.#sent.place(reference, first);
					this.#noteSent(opened, bytes, first);
				},
			});
			// If nobody waits for it any more, its failure is of no interest.
			stored.catch(() => {});
			return { stored };
		});
		this.#line = started.catch(() => {});
		try {
			const sending = await limited(started, options, () => this.#what());
			await sending?.stored;
		} catch (error) {
			// The block is the caller's again. Its message may arrive nevertheless.
			if (reference !== undefined) this.#sent.giveUp(reference);
			throw error;
		} finally {
			isOver = true;
		}
	}

	#what(): string {
		return `room in ${linkName(this.#link)}`;
	}

	#noteSent(opened: Opened, bytes: number, first: number): void {
		if (this.#isClosed) return;
		this.#notes.sent++;
		this.#notes.bytes += bytes;
		if (this.#link.policy !== "block") void this.#dropOlder(opened, first).catch(() => {});
	}

	async #dropOlder({ session, names }: Endpoint, first: number): Promise<void> {
		const { policy, keep = DEFAULT_KEEP } = this.#link;
		this.#kept.push(first);
		const surplus = this.#kept.length - (policy === "latest" ? 1 : keep);
		if (surplus <= 0) return;
		this.#kept.splice(0, surplus);
		const [oldest = first] = this.#kept;
		const { purged } = await session.manager.streams.purge(names.stream, { seq: oldest });
		if (!this.#isClosed) this.#notes.dropped += purged;
	}

	async allocate(bytes: number, { timeout, signal }: WaitOptions): Promise<Block> {
		const deadline = performance.now() + (timeout ?? Number.POSITIVE_INFINITY);
		for (;;) {
			const block = this.tryBlock(bytes);
			if (block !== undefined) return block;
			if (performance.now() >= deadline) throw tooLate(`memory for ${linkName(this.#link)}`, timeout ?? 0);
			await sleep(PAUSE, undefined, signal === undefined ? {} : { signal }).catch(() => {
				if (signal !== undefined) throw reasonOf(signal);
			});
		}
	}

	tryBlock(bytes: number): Block | undefined {
		try {
			return this.#region.allocate(bytes);
		} catch (error) {
			// What this link still sends gives its blocks back afterwards, and so does what its receiver releases.
			if (isFull(error) && (this.#unlimited > 0 || !this.#sent.isEmpty)) return undefined;
			throw error;
		}
	}

	end(): void {
		if (this.#isEnded) return;
		this.#isEnded = true;
		const settle = this.#unsettle();
		this.#endStored = this.#line.then(async () => {
			const opened = await this.#ready;
			if (opened === "ended before") return;
			await new Promise<void>((resolve, reject) => {
				opened.publisher.send({
					records: [{ kind: "end", payload: new Uint8Array(0) }],
					onSettled: (error, position) => {
						if (error !== undefined) return reject(error);
						this.#notes.ended = position;
						resolve();
					},
				});
			});
			noteEnd(this.#region, this.#options.task, this.#link, this.#options.isRun);
		});
		void this.#endStored.finally(settle).catch(() => {});
	}

	/** Something is not confirmed until the result is called. */
	#unsettle(): () => void {
		this.#unsettled++;
		const letGo = this.#options.hold();
		return () => {
			this.#unsettled--;
			letGo();
		};
	}

	get name(): string {
		return linkName(this.#link);
	}

	/** True while the server has not confirmed everything. */
	get isUnsettled(): boolean {
		return this.#unsettled > 0;
	}

	async close(): Promise<void> {
		try {
			await (this.#isEnded ? this.#endStored : this.#line);
		} finally {
			this.#isClosed = true;
			this.#notes.sending = 0;
			this.#stop?.();
			this.#sent.stop();
		}
	}

	#closedError(): DhmemError {
		return new DhmemError(
			"DHMEM_CLOSED",
			`This task has left ${linkName(this.#link)}; open a new one to send`,
		);
	}
}

function ended(link: string): DhmemError {
	return new DhmemError("DHMEM_QUEUE_ENDED", `${link} was ended; send before calling end()`);
}

/** True if the last record of the stream is an end that no successful run has written. */
async function isEndOfFailedRun(
	{ session, names }: Endpoint,
	last: number,
	written: number,
): Promise<boolean> {
	if (last === 0 || last === written) return false;
	const record = await session.manager.streams.getMessage(names.stream, { seq: last });
	return record?.subject.endsWith(".end") ?? false;
}
