/**
 * For the tests of lifetimes, run with `--expose-gc`: keeps one thing of an opening and nothing else, collects, and
 * prints whether the opening was still there, whether the thing worked, and whether the opening was collected once
 * nothing was left of it. In Bun it runs as well.
 */
import { readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { type Message, Region, type RegionOptions } from "dhmem";
import { Task } from "dhmem/workflow";

/** Something that keeps its opening open. */
interface Kind {
	/** Takes it from an opening. `spy` is another opening of the same region. */
	take(region: Region, spy: Region): unknown;
	/** True if it is as it was, and its opening is there. */
	works(thing: never, spy: Region): boolean | Promise<boolean>;
}

function kind<T>(
	take: (region: Region, spy: Region) => T,
	works: Kind["works"] & ((thing: T, spy: Region) => boolean | Promise<boolean>),
): Kind {
	return { take, works };
}

const SIZE = "16MiB";
const numbers = { dtype: "f64", shape: [4] } as const;

/** Writes through a view, and checks that the spy sees it. */
function isSharedArray(data: Float64Array, spy: Region): boolean {
	data[3] = 7;
	return data[0] === 1 && spy.array("numbers", numbers).get(3) === 7;
}

function filled(region: Region): Float64Array {
	return region.array("numbers", { ...numbers, initial: [1, 2, 3, 4] }).data;
}

function bytesOfBlock(region: Region): Uint8Array {
	const { bytes } = region.allocate(64);
	bytes[0] = 1;
	return bytes;
}

/** A view of memory without a name, which exists as long as it does not read as zeros. */
const hasOne = (view: ArrayLike<number>) => view[0] === 1;

function received(region: Region, spy: Region): Message {
	spy
		.queue("messages")
		.producer()
		.trySend(new Uint8Array([1, 2, 3, 4, 0, 0, 0, 0]));
	return region.queue("messages").consumer().tryReceive() as Message;
}

function token(spy: Region): string {
	const block = spy.allocate(64);
	block.as("f64").fill(1);
	return String(spy.save(block));
}

const taskOf = (spy: Region) =>
	Task.fromEnvironment({
		DHMEM_REGION: spy.name,
		DHMEM_TASK: "a",
		DHMEM_LINKS: "in=b.out>a.in,out=a.out>b.in",
	});

export const kinds: Record<string, Kind> = {
	"array.data": kind(filled, isSharedArray),
	"a subarray of array.data": kind((region) => filled(region).subarray(0, 4), isSharedArray),
	"another view over the buffer of a view": kind((region) => {
		const { buffer, byteOffset } = filled(region);
		return new Float64Array(buffer, byteOffset, 4);
	}, isSharedArray),
	"a Buffer over the buffer of a view": kind((region) => {
		const { buffer, byteOffset } = bytesOfBlock(region);
		return Buffer.from(buffer, byteOffset, 64);
	}, hasOne),
	"a DataView": kind(
		(region) => {
			const { buffer, byteOffset } = bytesOfBlock(region);
			return new DataView(buffer, byteOffset, 64);
		},
		(view) => view.getUint8(0) === 1,
	),
	"the buffer of a view": kind(
		(region) => bytesOfBlock(region).buffer,
		(buffer, spy) =>
			new Uint8Array(buffer).some((byte) => byte === 1) && spy.stats().participants.length === 2,
	),
	array: kind(
		(region) => region.array("numbers", { ...numbers, initial: [1, 2, 3, 4] }),
		({ data }, spy) => isSharedArray(data, spy),
	),
	block: kind(
		(region) => region.allocate(64),
		(block) => {
			block.bytes.fill(1);
			block.free();
			return true;
		},
	),
	"block.bytes": kind(bytesOfBlock, hasOne),
	"block.as(dtype)": kind((region) => {
		const view = region.allocate(64).as("f32");
		view.fill(1);
		return view;
	}, hasOne),
	"block.as(schema)": kind(
		(region) => {
			const structs = region.allocate(64).as({ x: "f64" });
			for (const struct of structs) struct.x = 1;
			return structs;
		},
		([first]) => first?.x === 1,
	),
	"a struct of block.as(schema)": kind(
		(region) => {
			const [struct] = region.allocate(64).as({ x: "f64" });
			if (struct !== undefined) struct.x = 1;
			return struct;
		},
		(struct) => struct?.x === 1,
	),
	"a clone of a block": kind(
		(region) => region.allocate(64).clone(),
		(block) => {
			block.free();
			return true;
		},
	),
	message: kind(received, (message) => {
		const { length } = message;
		message.release();
		return length === 8;
	}),
	"message.bytes": kind((region, spy) => received(region, spy).bytes, hasOne),
	"message.as(dtype)": kind((region, spy) => received(region, spy).as("u8"), hasOne),
	"message.block": kind(
		(region, spy) => {
			const block = spy.allocate(64);
			block.bytes.fill(1);
			spy.queue("messages").producer().trySend("", { block });
			return region.queue("messages").consumer().tryReceive()?.block;
		},
		(block) => block?.bytes[0] === 1,
	),
	reservation: kind(
		(region) => region.queue("messages").producer().tryReserve(8),
		(reservation, spy) => {
			reservation?.bytes.fill(1);
			reservation?.commit();
			return spy.queue("messages").consumer().tryReceive()?.bytes[0] === 1;
		},
	),
	"the bytes of a reservation": kind((region) => {
		const bytes = region.queue("messages").producer().tryReserve(8)?.bytes as Uint8Array;
		return bytes.fill(1);
	}, hasOne),
	vector: kind(
		(region) => region.vector("vector", "f64"),
		(vector, spy) => vector.push(1, 2) === 2 && spy.vector("vector", "f64").at(1) === 2,
	),
	"vector.view": kind((region) => {
		const vector = region.vector("vector", "f64");
		vector.push(1, 2);
		return vector.view;
	}, hasOne),
	"a loaded block": kind(
		(region, spy) => region.load(token(spy)),
		(block) => block.kind === "block" && block.length === 64,
	),
	"the data of a loaded array": kind((region, spy) => {
		const loaded = region.load(token(spy), "f64");
		return loaded.kind === "array" ? loaded.data : [];
	}, hasOne),
	"a loaded struct": kind(
		(region, spy) => region.load(token(spy), { x: "f64" }),
		(struct) => struct.x === 1,
	),
	struct: kind(
		(region) => region.struct("struct", { x: "f64" }),
		(struct, spy) => {
			struct.x = 3;
			return spy.struct("struct", { x: "f64" }).x === 3;
		},
	),
	map: kind(
		(region) => region.map("map", { key: "string", value: "f64" }),
		(map, spy) => {
			map.set("a", 1);
			return spy.map("map", { key: "string", value: "f64" }).get("a") === 1;
		},
	),
	mutex: kind(
		(region) => region.mutex("mutex"),
		(mutex, spy) => {
			using _held = mutex.lockSync();
			return spy.mutex("mutex").tryLock() === undefined;
		},
	),
	"a held lock": kind(
		(region) => region.mutex("mutex").lockSync(),
		(held, spy) => {
			const isExclusive = spy.mutex("mutex").tryLock() === undefined;
			held.unlock();
			const next = spy.mutex("mutex").tryLock();
			return isExclusive && next?.abandoned === false;
		},
	),
	condition: kind(
		(region) => region.condition("condition"),
		(condition) => {
			condition.notifyAll();
			return true;
		},
	),
	queue: kind(
		(region) => region.queue("messages"),
		(queue) => queue.capacity > 0,
	),
	producer: kind(
		(region) => region.queue("messages").producer(),
		(producer, spy) => {
			producer.trySend("late");
			return spy.queue("messages").consumer().tryReceive()?.text() === "late";
		},
	),
	consumer: kind(
		(region) => region.queue("messages").consumer(),
		(consumer, spy) => {
			spy.queue("messages").producer().trySend("late");
			return consumer.tryReceive()?.text() === "late";
		},
	),
	"an iterator of a consumer": kind(
		(region) => region.queue("messages").consumer()[Symbol.asyncIterator](),
		async (iterator, spy) => {
			spy.queue("messages").producer().trySend("late");
			return (await iterator.next()).value?.text() === "late";
		},
	),
	"batches of a consumer": kind(
		(region) => region.queue("messages").consumer().batches(4),
		async (batches, spy) => {
			spy.queue("messages").producer().trySend("late");
			return (await batches.next()).value?.length === 1;
		},
	),
	"a readable stream": kind(
		(region) => region.queue("messages").consumer().readable(),
		async (stream, spy) => {
			spy.queue("messages").producer().trySend("late");
			const { value } = await stream[Symbol.asyncIterator]().next();
			// It reads ahead, and a pending wait keeps its opening.
			stream.destroy();
			return String(value) === "late";
		},
	),
	"a writable stream": kind(
		(region) => region.queue("messages").producer().writable(),
		(stream, spy) => {
			stream.write("late");
			return spy.queue("messages").consumer().tryReceive()?.text() === "late";
		},
	),
	"a record queue's producer": kind(
		(region) => region.queue("records", { record: "f64" }).producer(),
		(producer) => producer.push(1),
	),
	"a record queue's consumer": kind(
		(region) => region.queue("records", { record: "f64" }).consumer(),
		(consumer, spy) => spy.queue("records", { record: "f64" }).producer().push(5) && consumer.pop() === 5,
	),
	"a mailbox's producer": kind(
		(region) => region.queue("mailbox", { policy: "latest" }).producer(),
		(producer) => producer.trySend("late"),
	),
	"a mailbox's reservation": kind(
		(region) => region.queue("mailbox", { policy: "latest" }).producer().tryReserve(8),
		(reservation) => reservation?.bytes.length === 8,
	),
	"a mailbox's consumer": kind(
		(region) => region.queue("mailbox", { policy: "latest" }).consumer(),
		(consumer, spy) => {
			spy.queue("mailbox", { policy: "latest" }).producer().trySend("late");
			return consumer.tryReceive()?.text() === "late";
		},
	),
	"a pending receive": kind(
		(region) => ({ message: region.queue("messages").consumer().receive() }),
		async ({ message }, spy) => {
			spy.queue("messages").producer().trySend("late");
			return (await message)?.text() === "late";
		},
	),
	region: kind(
		(region) => region,
		(region) => region.stats().participants.length === 2,
	),
};

/** Things that are not collected by themselves: a task watches its workflow until it is closed. */
const tasks: Record<string, Kind> = {
	"a task's input": kind(
		(region, spy) => {
			region.close();
			return taskOf(spy).input("in");
		},
		async (input, spy) => {
			spy.queue("b.out>a.in").producer().trySend("late");
			return (await input.receive())?.text() === "late";
		},
	),
	"a task's output": kind(
		(region, spy) => {
			region.close();
			return taskOf(spy).output("out");
		},
		async (output, spy) => {
			await output.send("late");
			return spy.queue("a.out>b.in").consumer().tryReceive()?.text() === "late";
		},
	),
};

export const readers: Record<string, Kind> = {
	"array.data": kind(
		(region) => region.array("numbers", numbers).data,
		(data) => data[0] === 1,
	),
	"a struct": kind(
		(region) => region.struct("struct", { x: "f64" }),
		(struct) => struct.x === 3,
	),
	vector: kind(
		(region) => region.vector("vector", "f64"),
		(vector, spy) => spy.vector("vector", "f64").push(1) === 1 && vector.at(0) === 1,
	),
};

const { Bun, gc } = globalThis as { Bun?: { gc(force: boolean): void }; gc?(): void };
const collect = Bun === undefined ? gc : () => Bun.gc(true);

/** Collects several times, because what a finalizer lets go is collected in the next turn. */
async function collectAll(): Promise<void> {
	for (let turns = 0; turns < 5; turns++) {
		collect?.();
		await turn();
	}
}

/** Waits until `isDone`, or for so long that it never will be: a timer of a wait may keep an opening for a second. */
async function collectUntil(isDone: () => boolean): Promise<boolean> {
	const end = performance.now() + 5000;
	while (performance.now() < end && !isDone()) {
		collect?.();
		await turn();
	}
	return isDone();
}

let regions = 0;

/** A region of its own, which is gone when it is closed. */
function openSpy(): Region {
	return Region.open(`lifetimes-${process.pid}-${regions++}`, { size: SIZE, lifetime: "last-close" });
}

/** The number of mappings of the region in this process. */
function mappingsOf({ path }: Region): number {
	return readFileSync("/proc/self/maps", "utf8")
		.split("\n")
		.filter((line) => line.endsWith(path)).length;
}

/** Keeps the thing, and nothing else does. */
interface Box {
	thing: unknown;
}

function take({ take }: Kind, name: string, spy: Region, options: RegionOptions): Box {
	return { thing: take(Region.open(name, { ...options, mode: options.mode ?? "open" }), spy) };
}

/** The outcome: "kept and collected" if everything is right. */
async function live(
	name: string,
	each: Kind,
	options: RegionOptions = {},
	isCollected = true,
): Promise<string> {
	using spy = openSpy();
	filled(spy);
	spy.struct("struct", { x: "f64" }).x = 3;
	spy.vector("vector", "f64");
	const before = mappingsOf(spy);
	const box = take(each, spy.name, spy, options);
	const opened = mappingsOf(spy);
	await collectAll();
	if (mappingsOf(spy) !== opened) return `${name}: its opening was collected`;
	if (!(await each.works(box.thing as never, spy))) return `${name}: it does not work`;
	box.thing = undefined;
	if (!isCollected) return "kept";
	const isGone = await collectUntil(() => mappingsOf(spy) === before);
	return isGone ? "kept and collected" : `${name}: its opening was never collected`;
}

/** A lock that nothing refers to keeps others out until its region is closed. */
async function lockAndForget(): Promise<string> {
	using spy = openSpy();
	const before = mappingsOf(spy);
	(() => Region.open(spy.name).mutex("mutex").lockSync())();
	await collectAll();
	const isOpen = mappingsOf(spy) === before + 1;
	return isOpen && spy.mutex("mutex").tryLock() === undefined ? "kept" : "the lock was given away";
}

/** Locks that were given up in every way: their openings are collected. */
async function unlockAndForget(): Promise<string> {
	using spy = openSpy();
	const before = mappingsOf(spy);
	(() => {
		Region.open(spy.name).mutex("unlocked").lockSync().unlock();
		// While free memory is to be given back, for a second or so, an opening is not collected.
		const region = Region.open(spy.name, { trim: "never" });
		region.mutex("removed").lockSync();
		region.remove("removed");
		const closed = Region.open(spy.name);
		closed.mutex("closed").lockSync();
		closed.close();
	})();
	const isGone = await collectUntil(() => mappingsOf(spy) === before);
	return isGone ? "collected" : "an opening was never collected";
}

/** A view in a window, which has a memory of its own. */
async function keepView(): Promise<string> {
	using spy = Region.temporary({ size: "8GiB" });
	const before = mappingsOf(spy);
	const box: { view?: Uint8Array | undefined } = {
		view: (() =>
			Region.open(spy.name)
				.allocate(8 * 2 ** 20)
				.bytes.fill(1, 0, 1))(),
	};
	await collectAll();
	if (mappingsOf(spy) !== before + 2 || box.view?.[0] !== 1) return "its opening was collected";
	box.view = undefined;
	const isGone = await collectUntil(() => mappingsOf(spy) === before);
	return isGone ? "kept and collected" : "its opening was never collected";
}

const modes = ["read-only", "copy-on-write"] as const;

async function liveAll(): Promise<Record<string, string>> {
	const results: Record<string, string> = {};
	for (const [name, each] of Object.entries(kinds)) results[name] = await live(name, each);
	for (const [name, each] of Object.entries(readers)) {
		for (const mode of modes) results[`${name}, ${mode}`] = await live(name, each, { mode });
	}
	results["a view of a bulk block"] = await keepView();
	results["a lock that nothing refers to"] = await lockAndForget();
	results["a lock that was given up"] = await unlockAndForget();
	for (const [name, each] of Object.entries(tasks)) results[name] = await live(name, each, {}, false);
	return results;
}

console.log(JSON.stringify(await liveAll()));
process.exit();
