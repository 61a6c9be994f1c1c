/**
 * A process or worker thread that does everything the library offers until it is killed, or until it is told to
 * stop; then it leaves. It throws if a promise is broken.
 *
 * Arguments: folder, region, index, how many there are, seed, a fault of its own or "".
 */
import { isMainThread, workerData } from "node:worker_threads";
import { type Block, type Consumer, DhmemError, type Producer, Region } from "dhmem";
import { isMarked, loadBlock, randomFrom } from "../fixture/index.js";
import { Checker, HEAD, NOTES, Notes, notesOf, RecordChecker, recordOf, write } from "./notes.js";

export const PARTICIPANTS = 6;
/** Participants from this one on also use locking operations, which wait for stopped ones, and open and close regions. */
export const LOCKING = 4;
export const BATCH = 20;
/** The row with a word for each participant: 1 when it is to leave. */
export const STOP = PARTICIPANTS;
const TEMPORARY = 20;
const WAIT = { timeout: 3 };

/** Numbers that are written with a mark: no two participants use the same. */
function markOf(index: number, number: number): number {
	return index + PARTICIPANTS * (number % 40);
}

export const shared = {
	totals: { n: "f64", m: "f64" },
	map: { key: "string", value: "bytes" },
} as const;

export function streamOf(region: Region, index: number) {
	return region.queue(`stream ${index}`, { capacity: "4KiB" });
}

export function numbersOf(region: Region, index: number) {
	return region.queue(`numbers ${index}`, { record: "f64", capacity: 512 });
}

export function probeOf(region: Region, index: number) {
	return region.queue(`probe ${index}`, { capacity: 64 });
}

/** The result of an operation; undefined if it is impossible now. */
function allowing<T>(codes: string[], body: () => T): T | undefined {
	try {
		return body();
	} catch (error) {
		if (error instanceof DhmemError && codes.includes(error.code)) return undefined;
		throw error;
	}
}

async function allowingLater(codes: string[], body: () => Promise<unknown>): Promise<void> {
	try {
		await body();
	} catch (error) {
		if (!(error instanceof DhmemError && codes.includes(error.code))) throw error;
	}
}

/** Takes an endpoint that a dead participant may still have. */
export async function taken<T>(region: Region, take: () => T): Promise<T> {
	for (;;) {
		const end = allowing(["DHMEM_ENDPOINT_TAKEN"], take);
		if (end !== undefined) return end;
		region.recover();
		await new Promise((resolve) => setTimeout(resolve, 1));
	}
}

async function live(args: string[]): Promise<void> {
	const [directory, name, position, , seed, fault] = args as [string, string, string, string, string, string];
	const index = Number(position);
	const next = (index + 1) % PARTICIPANTS;
	const random = randomFrom(Number(seed));
	const locking = index >= LOCKING;
	for (let goesOn = true; goesOn; ) goesOn = await attend();

	/** Works from opening to closing. Returns whether to open again. */
	async function attend(): Promise<boolean> {
		const region = Region.open(name, {
			mode: "open",
			directory,
			label: `participant ${index}`,
			trim: index % 2 === 0 ? "eager" : "lazy",
		});
		const words = notesOf(region, PARTICIPANTS + 1);
		const own = new Notes(words, index);
		const incoming = new Notes(words, next);
		const stop = new Notes(words, STOP);
		let producer: Producer = await taken(region, () => streamOf(region, index).producer());
		let consumer: Consumer = await taken(region, () => streamOf(region, next).consumer());
		const pusher = await taken(region, () => numbersOf(region, index).producer());
		const popper = await taken(region, () => numbersOf(region, next).consumer());
		await taken(region, () => probeOf(region, index).producer());
		let checker = new Checker(incoming, `stream ${next}`);
		const popped = new RecordChecker(incoming, `numbers ${next}`);
		// Whoever dies has something to give back.
		allowing(["DHMEM_REGION_FULL"], () => region.allocate(100));
		const held: { block: Block; mark: number }[] = [];
		const tokens: string[] = [];

		// What its predecessor was sending when it died may have been sent or not, so it is skipped.
		let number = Math.max(own.get(NOTES.sent), own.get(NOTES.intended));
		let pushing = Math.max(own.get(NOTES.pushed), own.get(NOTES.pushing));
		const missing = () => number - own.get(NOTES.sent);
		const sending = (count: number, send: () => number) => {
			own.set(NOTES.intended, number + count);
			const sent = send();
			if (sent > 0) {
				number += sent;
				own.set(NOTES.sent, number);
			}
			own.set(NOTES.intended, number);
			if (fault === "lose" && random(2) === 0 && sent > 0) own.set(NOTES.sent, ++number);
		};
		const messageOf = (length: number, extra = 0, uncertain = missing()) => {
			const bytes = new Uint8Array(HEAD + length);
			write(bytes, number + extra, uncertain, length);
			return bytes;
		};
		const keep = (block: Block | undefined, mark: number) => {
			if (block === undefined) {
				for (const each of held.splice(0)) each.block.free();
				return;
			}
			block.bytes.fill(mark);
			held.push({ block, mark });
		};
		const pick = () => {
			const [one] = held.splice(random(held.length), 1);
			if (one !== undefined && !isMarked(one.block.bytes, one.mark)) {
				throw new Error("a block was written by somebody else");
			}
			return one?.block;
		};
		const allocate = (bytes: number) => allowing(["DHMEM_REGION_FULL"], () => region.allocate(bytes));

		const operations: Record<string, () => unknown> = {
			allocate: () => keep(allocate(2 ** random(18)), markOf(index, random(40))),
			free: () => pick()?.free(),
			clone: () => {
				const block = pick();
				if (block === undefined) return;
				const clones = Array.from({ length: 1 + random(3) }, () => block.clone());
				if (!clones.every((clone) => clone.bytes.byteOffset === block.bytes.byteOffset)) {
					throw new Error("a clone is elsewhere");
				}
				for (const each of [...clones, block]) each.free();
			},
			send: () => sending(1, () => (producer.trySend(messageOf(random(300))) ? 1 : 0)),
			"send a large one": () => {
				const sent = () =>
					allowing(["DHMEM_REGION_FULL"], () => producer.trySend(messageOf(2000 + random(30_000))));
				sending(1, () => (sent() ? 1 : 0));
			},
			"send a block": () => {
				const length = 1 + random(20_000);
				const first = allocate(length);
				if (first === undefined) return;
				first.bytes.fill(number & 0xff);
				const block = random(2) === 0 ? first : first.clone();
				const head = messageOf(0);
				new DataView(head.buffer).setUint32(8, length, true);
				sending(1, () => (producer.trySend(head, { block }) ? 1 : 0));
				if (block !== first) first.free();
				block[Symbol.dispose]();
			},
			"write in place": () => {
				const length = random(1000);
				const slot = producer.tryReserve(HEAD + length);
				if (slot === undefined) return;
				if (random(4) === 0) return slot.abort();
				write(slot.bytes, number, missing(), length);
				sending(1, () => {
					slot.commit();
					return 1;
				});
			},
			sendMany: () => {
				const count = 2 + random(5);
				const messages = Array.from({ length: count }, (_, extra) =>
					messageOf(random(50), extra, extra === 0 ? missing() : 0),
				);
				sending(count, () => producer.sendMany(messages));
			},
			"end a stream": () => {
				if (random(20) !== 0) return;
				if (allowing(["DHMEM_TIMEOUT"], () => producer.end() ?? true) === undefined) return;
				producer.close();
				producer = streamOf(region, index).producer();
			},
			receive: () => {
				const message = consumer.tryReceive();
				if (message !== undefined) checker.accept(message);
				else if (consumer.ended) {
					checker.endAll();
					consumer.close();
					consumer = streamOf(region, next).consumer();
					checker = new Checker(incoming, `stream ${next}`);
				}
			},
			"receive and wait": async () =>
				allowingLater(["DHMEM_TIMEOUT", "DHMEM_PEER_GONE"], async () => {
					const message = await consumer.receive(WAIT);
					if (message !== undefined) checker.accept(message);
				}),
			release: () => {
				if (checker.isStretched) return checker.endAll();
				if (checker.held.length > random(4)) checker.end(random(checker.held.length));
			},
			take: () => {
				const at = checker.held.findIndex(({ message }) => message.block !== undefined);
				if (at >= 0) checker.end(at, (message) => keep(message.take(), markOf(index, random(40))));
			},
			push: () => {
				own.set(NOTES.pushing, pushing + 1);
				const pushed = pusher.push(recordOf(pushing, pushing - own.get(NOTES.pushed)));
				if (pushed) own.set(NOTES.pushed, ++pushing);
				else own.set(NOTES.pushing, pushing);
			},
			pushMany: () => {
				const count = 1 + random(BATCH);
				const uncertain = pushing - own.get(NOTES.pushed);
				const records = Float64Array.from({ length: count }, (_, extra) =>
					recordOf(pushing + extra, extra === 0 ? uncertain : 0),
				);
				own.set(NOTES.pushing, pushing + count);
				const pushed = pusher.pushMany(records);
				if (pushed > 0) {
					pushing += pushed;
					own.set(NOTES.pushed, pushing);
				}
				own.set(NOTES.pushing, pushing);
			},
			pop: () => {
				const record = popper.pop();
				if (record !== undefined) popped.accept([record], BATCH);
			},
			popInto: () => {
				const records = new Float64Array(1 + random(BATCH));
				popped.accept(records.subarray(0, popper.popInto(records)), BATCH);
			},
			save: () => {
				const block = allocate(1000);
				if (block === undefined) return;
				const mark = markOf(index, random(40));
				block.bytes.fill(mark);
				const handle = String(region.save(block));
				if (!isMarked(loadBlock(region, handle).bytes, mark)) throw new Error("a saved block is another");
				tokens.push(handle);
			},
			load: () => {
				const token = tokens.pop();
				if (token !== undefined) loadBlock(region, token).free();
			},
			construct: () => {
				const which = random(TEMPORARY);
				const called = `temporary ${which}`;
				if (which % 5 === 0) region.queue(called, { capacity: 64 });
				else if (which % 5 === 1) region.struct(called, { a: "f64", b: "u32" }).b = which;
				else if (which % 5 === 2) region.array(called, { dtype: "i32", shape: [which, 3] }).data.fill(which);
				else if (which % 5 === 3) region.vector(called, "f64");
				else region.map(called, { key: "u32", value: "f64" });
			},
			"send to a temporary one": () => {
				const queue = region.queue("temporary 0", { capacity: 64 });
				const end = allowing(["DHMEM_ENDPOINT_TAKEN"], () => queue.producer());
				const block = end && allocate(100);
				if (block !== undefined && !end?.trySend("x", { block })) block.free();
				end?.close();
			},
			remove: () => void region.remove(`temporary ${random(TEMPORARY)}`),
			trim: () => void region.trim(),
			look: () => {
				region.stats();
				region.entries();
			},
		};
		const locked: Record<string, () => unknown> = {
			count: async () => {
				const totals = region.struct("totals", shared.totals);
				const mutex = region.mutex("mutex");
				const lock = () => (random(2) === 0 ? mutex.lockSync() : mutex.lock());
				const one = await lock();
				if (one.abandoned) totals.m = totals.n;
				if (totals.n !== totals.m) throw new Error(`guarded counters are ${totals.n} and ${totals.m}`);
				totals.n++;
				if (random(3) === 0) await new Promise((resolve) => setImmediate(resolve));
				totals.m++;
				one.unlock();
				own.add(NOTES.increments);
				region.condition("condition").notifyAll();
			},
			"wait for a count": async () => {
				const one = region.mutex("mutex").lockSync();
				const totals = region.struct("totals", shared.totals);
				if (one.abandoned) totals.m = totals.n;
				const { n } = totals;
				const condition = region.condition("condition");
				const options = { ...WAIT, until: () => totals.n > n };
				if (random(2) === 0) allowing(["DHMEM_TIMEOUT"], () => condition.waitSync(one, options));
				else await allowingLater(["DHMEM_TIMEOUT"], () => condition.wait(one, options));
				// A participant that died meanwhile may have left them different.
				totals.m = totals.n;
				one.unlock();
			},
			"set in the map": () => {
				const key = random(60);
				const value = new Uint8Array(1 + random(300)).fill(key);
				allowing(["DHMEM_REGION_FULL"], () => region.map("map", shared.map).set(`${key}`, value));
			},
			"delete from the map": () => region.map("map", shared.map).delete(`${random(60)}`),
			"read the map": () => checkMap(region),
			"push to the vector": () => {
				const vector = region.vector("vector", "f64");
				const first = random(1e6);
				if (vector.push(first, first + 1, first + 2) > 3000) region.remove("vector");
			},
			"read the vector": () => checkVector(region),
			"open read-only": () => {
				const reader = Region.open(name, {
					mode: random(2) === 0 ? "read-only" : "copy-on-write",
					directory,
				});
				try {
					// They may not be there yet, or not any more.
					allowing(["DHMEM_TIMEOUT", "DHMEM_READ_ONLY"], () => checkMap(reader));
					allowing(["DHMEM_TIMEOUT", "DHMEM_READ_ONLY"], () => checkVector(reader));
					reader.stats();
				} finally {
					reader.close();
				}
			},
			"open another time": () => Region.open(name, { mode: "open", directory }).close(),
			leave: () => random(20) === 0,
		};
		const list = Object.values(locking ? { ...operations, ...locked } : operations);

		own.set(NOTES.running, 1);
		for (let turn = 1; ; turn++) {
			const chosen = random(list.length);
			own.set(NOTES.operation, chosen + 1);
			const result = (list[chosen] as () => unknown)();
			const leaving = (result instanceof Promise ? await result : result) === true;
			own.add(NOTES.turns);
			if (held.length > 40) for (const each of held.splice(0)) each.block.free();
			while (tokens.length > 10) loadBlock(region, tokens.pop() as string).free();
			const stopping = stop.get(index) === 1;
			if (leaving || stopping) {
				// Its notes of handles go with it, so the blocks do too.
				while (tokens.length > 0) loadBlock(region, tokens.pop() as string).free();
				own.set(NOTES.running, 0);
				region.close();
				return !stopping;
			}
			// The others share few processors.
			if (turn % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
		}
	}
}

/** Checks that every entry is whole: all its bytes are its key. */
export function checkMap(region: Region): number {
	const entries = region.map("map", shared.map).entries();
	for (const [key, value] of entries) {
		if (!isMarked(value, Number(key))) throw new Error(`the entry for ${key} is torn`);
	}
	if (new Set(entries.map(([key]) => key)).size !== entries.length) throw new Error("a key is there twice");
	return entries.length;
}

/** Checks that numbers that were pushed together are there together. */
export function checkVector(region: Region): number {
	const values = [...region.vector("vector", "f64")];
	for (let at = 0; at < values.length; at += 3) {
		const first = values[at] as number;
		if (values[at + 1] !== first + 1 || values[at + 2] !== first + 2) {
			throw new Error(`elements ${at} to ${at + 2} of ${values.length} don't belong together`);
		}
	}
	return values.length;
}

const args = isMainThread
	? process.argv.slice(2)
	: (workerData as { participant?: string[] } | null)?.participant;
if (args !== undefined && (!isMainThread || process.argv[1]?.endsWith("participant.js"))) await live(args);
