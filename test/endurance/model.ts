/**
 * A plain model of the byte queue, and a random walk that compares the queue with it, step by step:
 * whether there is room, which message comes, whether the stream has ended.
 *
 * The model knows the format of the ring (headers, padding, the room reserved for an end), but nothing else of the core.
 */
import type { Block, Consumer, Message, Producer, Region, Reservation } from "dhmem";
import * as assert from "uvu/assert";
import { mix, Payloads } from "./payload.js";
import { startAt } from "./positions.js";

const HEADER = 8;
const REFERENCE = 16;

interface Entry {
	kind: "message" | "padding" | "end";
	at: number;
	bytes: number;
	/** The length of the message. */
	sequence: number;
	released: boolean;
}

/** Positions are whole numbers here, and never wrap. */
class Model {
	readonly capacity: number;
	/** What is published and not given back yet, in order. */
	entries: Entry[] = [];
	/** What is staged and not published yet. */
	staged: Entry[] = [];
	claimed: number;
	head: number;
	next: number;
	/** The end of what was published when the consumer last looked. */
	seen: number;

	constructor(capacity: number, start: number) {
		this.capacity = capacity;
		this.claimed = start;
		this.head = start;
		this.next = start;
		this.seen = start;
	}

	get #published(): number {
		return this.claimed - this.staged.reduce((sum, { bytes }) => sum + bytes, 0);
	}

	/** True if a record with this payload can be reserved. The padding before it is then written. */
	reserve(length: number): boolean {
		const bytes = HEADER + 8 * Math.ceil(length / 8);
		const toEnd = this.capacity - (this.claimed % this.capacity);
		const needed = (bytes > toEnd ? toEnd + bytes : bytes) + HEADER;
		if (this.capacity - (this.claimed - this.head) < needed) return false;
		if (bytes > toEnd) this.#stage("padding", toEnd, 0);
		return true;
	}

	#stage(kind: Entry["kind"], bytes: number, sequence: number): void {
		this.staged.push({ kind, at: this.claimed, bytes, sequence, released: false });
		this.claimed += bytes;
	}

	stage(length: number, sequence: number): void {
		this.#stage("message", HEADER + 8 * Math.ceil(length / 8), sequence);
	}

	publish(): void {
		this.entries.push(...this.staged);
		this.staged = [];
	}

	end(): boolean {
		if (this.capacity - (this.claimed - this.head) < HEADER) return false;
		this.#stage("end", HEADER, 0);
		this.publish();
		return true;
	}

	/** A new producer: what was staged is gone. */
	restartProducer(): void {
		this.claimed = this.#published;
		this.staged = [];
	}

	/** A new consumer: what was not released comes again. */
	restartConsumer(): void {
		this.next = this.head;
		this.seen = this.#published;
	}

	receive(): Entry | "empty" | "ended" {
		for (;;) {
			if (this.next === this.seen) this.seen = this.#published;
			const entry = this.entries.find(({ at }) => at === this.next);
			if (entry === undefined) return "empty";
			this.next += entry.bytes;
			if (entry.kind === "message" && !entry.released) return entry;
			if (entry.at === this.head) this.#giveBack(this.next);
			if (entry.kind === "end") return "ended";
		}
	}

	release(entry: Entry): void {
		entry.released = true;
		if (entry.at !== this.head) return;
		let head = entry.at;
		for (const each of this.entries) {
			const isReceived = each.at < this.next;
			const isOver = each.kind === "padding" || each.released || (each.kind === "end" && isReceived);
			if (each.at >= this.seen || !isOver) break;
			head = each.at + each.bytes;
			this.next = Math.max(this.next, head);
		}
		this.#giveBack(head);
	}

	#giveBack(head: number): void {
		this.head = head;
		while ((this.entries[0]?.at ?? head) < head) this.entries.shift();
	}
}

interface Held {
	message: Message;
	entry: Entry;
}

export interface Walk {
	sender: Region;
	receiver: Region;
	capacity: number;
	steps: number;
	seed: number;
}

/** Does random steps; throws if the queue and the model differ. */
export function runModel({ sender, receiver, capacity, steps, seed }: Walk): void {
	const name = `model of ${capacity}`;
	const queue = sender.queue(name, { capacity });
	const start = 2 ** 32 - 8 * (mix(seed, capacity) % 5000);
	startAt(sender.path, name, start);
	const before = sender.stats().used;
	const largestInRing = capacity / 2 - HEADER;
	const payloads = new Payloads(seed, 3 * capacity);
	const contents = new Payloads(seed ^ 0xb10c, 300);
	const model = new Model(capacity, start);
	let producer: Producer = queue.producer();
	let consumer: Consumer = receiver.queue(name).consumer();
	let held: Held[] = [];
	let sent = 0;
	let received = 0;
	let ended = false;
	let endings = 0;
	let step = 0;

	const random = (below: number, salt: number) => mix(seed ^ salt, step) % below;
	const hasBlock = (sequence: number) =>
		mix(seed ^ 0xb, sequence) % 5 === 0 && sizeOf(sequence) <= capacity / 8;
	const sizeOf = (sequence: number) => payloads.size(sequence);
	/** The bytes of the ring that the message needs. */
	const inRing = (sequence: number): number => {
		if (hasBlock(sequence)) return REFERENCE + sizeOf(sequence);
		return sizeOf(sequence) > largestInRing ? REFERENCE : sizeOf(sequence);
	};
	const blockFor = (sequence: number): Block => {
		const block = sender.allocate(1 + contents.size(sequence));
		contents.write(sequence, block.bytes);
		return block;
	};
	const send = (): void => {
		const fits = model.reserve(inRing(sent));
		const block = hasBlock(sent) ? blockFor(sent) : undefined;
		assert.is(producer.trySend(payloads.bytes(sent), { block }), fits, `step ${step}: room for ${sent}`);
		if (!fits) block?.free();
		else {
			model.stage(inRing(sent), sent++);
			model.publish();
		}
	};
	const sendMany = (): void => {
		const items: Uint8Array[] = [];
		for (let sequence = sent; items.length < 5 && !hasBlock(sequence); sequence++) {
			items.push(payloads.bytes(sequence).slice());
		}
		let fitting = 0;
		while (fitting < items.length && model.reserve(inRing(sent + fitting))) {
			model.stage(inRing(sent + fitting), sent + fitting);
			fitting++;
			// A block is published by itself, together with what was staged before.
			if (sizeOf(sent + fitting - 1) > largestInRing) model.publish();
		}
		// Padding with nothing behind it stays staged, in the queue as here.
		if (model.staged.some(({ kind }) => kind === "message")) model.publish();
		assert.is(producer.sendMany(items), fitting, `step ${step}: sendMany from ${sent}`);
		sent += fitting;
	};
	const reserve = (): void => {
		if (hasBlock(sent)) return;
		const length = sizeOf(sent) + random(9, 1);
		const fits = model.reserve(length > largestInRing ? REFERENCE : length);
		const slot: Reservation | undefined = producer.tryReserve(length);
		assert.is(slot !== undefined, fits, `step ${step}: a reservation of ${length}`);
		if (slot === undefined) return;
		if (random(3, 2) === 0) {
			slot.bytes.fill(0xee);
			slot.abort();
			return;
		}
		const bytes = payloads.bytes(sent);
		slot.bytes.set(bytes);
		slot.commit(bytes.length);
		model.stage(length > largestInRing ? REFERENCE : bytes.length, sent++);
		model.publish();
	};
	const receive = (): void => {
		const due = ended ? "ended" : model.receive();
		const message = consumer.tryReceive();
		if (due === "empty" || due === "ended") {
			assert.is(message, undefined, `step ${step}: ${due}`);
			ended = due === "ended";
			assert.is(consumer.ended, ended, `step ${step}`);
			return;
		}
		const { sequence } = due;
		if (message === undefined) throw new Error(`step ${step}: message ${sequence} did not come`);
		check({ message, entry: due });
		held.push({ message, entry: due });
	};
	const check = ({ message, entry: { sequence } }: Held): void => {
		assert.is(message.length, sizeOf(sequence), `step ${step}: the length of ${sequence}`);
		assert.ok(payloads.isRight(sequence, message.bytes), `step ${step}: message ${sequence} is torn`);
		assert.is(message.block !== undefined, hasBlock(sequence), `step ${step}: a block with ${sequence}`);
		if (message.block === undefined) return;
		assert.ok(contents.isRight(sequence, message.block.bytes), `step ${step}: block ${sequence} is torn`);
	};
	const release = (): void => {
		const each = held.splice(random(held.length, 3), 1)[0];
		if (each === undefined) return;
		// Its bytes are still as they were received.
		check(each);
		if (each.message.block !== undefined && random(2, 4) === 0) {
			const block = each.message.take();
			assert.ok(contents.isRight(each.entry.sequence, block.bytes), `step ${step}: taken`);
			block.free();
		} else each.message.release();
		model.release(each.entry);
		received++;
	};
	const restartConsumer = (): void => {
		consumer.close();
		consumer = receiver.queue(name).consumer();
		model.restartConsumer();
		held = [];
		ended = false;
	};
	const restartProducer = (): void => {
		if (random(3, 5) === 0 && model.end()) {
			producer.end();
			endings++;
		}
		producer.close();
		producer = queue.producer();
		model.restartProducer();
	};

	for (; step < steps; step++) {
		const chance = random(1000, 6);
		// Now and then one side is faster for a while.
		const bias = (mix(seed, step >> 7) % 3) * 100;
		if (chance < 5) restartConsumer();
		else if (chance < 10) restartProducer();
		else if (chance < 200 + bias) send();
		else if (chance < 250 + bias) sendMany();
		else if (chance < 350 + bias) reserve();
		else if (chance < 680) receive();
		else release();
		if (ended && held.length === 0) restartConsumer();
	}
	for (let turn = 0; turn < 10_000 && received < sent; turn++, step++) {
		receive();
		release();
		if (ended && held.length === 0) restartConsumer();
	}
	assert.is(received, sent, "all were received");
	assert.ok(sent > steps / 20 && endings > steps / 2000, "the walk stood still");
	const after = sender.stats();
	const stats = after.queues.find((each) => each.name === name);
	assert.is(stats?.depth, 0);
	assert.is(after.used, before, "bytes that were not given back");
	consumer.close();
	producer.close();
}
