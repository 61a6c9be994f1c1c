/** What should not compile does not: tsc checks this file, and `@ts-expect-error` fails where nothing is wrong. */
import {
	Block,
	type Condition,
	type Consumer,
	type DType,
	type Fields,
	type Handle,
	type HeldLock,
	type Loaded,
	type Message,
	type Mutex,
	type Producer,
	type Queue,
	type RecordConsumer,
	type RecordProducer,
	type RecordQueue,
	Region,
	type Reservation,
	type Schema,
	type SharedArray,
	type SharedMap,
	type Struct,
	schema,
	type Vector,
} from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";

/** Compiles only if the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

/** Never called: only its types are tested. */
export function structs(region: Region): void {
	const params = region.struct("params", { a: "f64", step: "u32", seed: "u64" });
	same<typeof params, { a: number; step: number; seed: bigint }>(true);
	params.a = 1;
	params.step++;
	params.seed = 1n;
	// @ts-expect-error a 64-bit integer is a bigint
	params.seed = 1;
	// @ts-expect-error a number is no bigint
	params.a = 1n;
	// @ts-expect-error there is no such field
	params.b = 1;
	// @ts-expect-error no dtype
	region.struct("params", { a: "f128" });
	region.struct("params", { a: "f64" }, { initial: { a: 1 } });
	// @ts-expect-error the initial value is of another type
	region.struct("params", { a: "f64" }, { initial: { a: 1n } });
	// @ts-expect-error the initial value is of no field
	region.struct("params", { a: "f64" }, { initial: { b: 1 } });

	const type = schema({ x: "f32", id: "i64" });
	same<typeof type, Schema<{ x: "f32"; id: "i64" }>>(true);
	const typed = region.struct("typed", type, { initial: { id: 1n } });
	same<typeof typed, { x: number; id: bigint }>(true);
	// @ts-expect-error the initial value is of another type
	region.struct("typed", type, { initial: { id: 1 } });
	const anyType: Schema = type;
	same<Struct<typeof anyType.fields>, Struct>(true);

	const variable = { x: "f32" };
	// @ts-expect-error in a variable the dtypes are strings: that is what schema() is for
	region.struct("params", variable);
	const constant = { x: "f32", id: "i64" } as const;
	same<Struct<typeof constant>, { x: number; id: bigint }>(true);

	const existing = region.struct("params");
	same<typeof existing, Struct>(true);
	// @ts-expect-error it may be a bigint, and there may be no such field
	const number: number = existing.a;
	void number;
}

/** Never called. */
export function arrays(region: Region, dtype: DType): void {
	const field = region.array("field", { dtype: "f64", shape: [2, 3] });
	same<typeof field, SharedArray<"f64">>(true);
	same<typeof field.data, Float64Array>(true);
	same<ReturnType<typeof field.get>, number>(true);
	field.set(0, 1, 2);
	// @ts-expect-error a number is no bigint
	field.set(0, 1, 2n);
	// @ts-expect-error an index is a number
	field.get("0");
	// @ts-expect-error the shape is fixed
	field.shape[0] = 3;
	// @ts-expect-error the data stay where they are
	field.data = new Float64Array(6);
	const large = region.array("large", { dtype: "u64" });
	same<typeof large.data, BigUint64Array>(true);
	same<ReturnType<typeof large.get>, bigint>(true);
	// @ts-expect-error a 64-bit integer is a bigint
	large.set(0, 1);
	region.array("large", { dtype: "u64", shape: [1], initial: [1n] });
	region.array("field", { dtype: "f64", shape: [1], initial: Float32Array.of(1) });
	// @ts-expect-error the initial values are of another type
	region.array("large", { dtype: "u64", shape: [1], initial: [1] });
	// @ts-expect-error the initial values are of another type
	region.array("field", { dtype: "f64", shape: [1], initial: BigInt64Array.of(1n) });
	// @ts-expect-error no dtype
	region.array("field", { dtype: "f16", shape: [1] });
	// @ts-expect-error a shape is an array
	region.array("field", { dtype: "f64", shape: 3 });
	same<ReturnType<typeof existing.get>, number | bigint>(true);
	const existing = region.array("field");
	const either: SharedArray = region.array("either", { dtype, shape: [1] });
	const general: SharedArray = field;
	void [either, general];
	if (existing.dtype === "f64") void existing.data;
}

/** Never called. */
export function payloads(payload: Block | Reservation | Message): void {
	same<ReturnType<typeof payload.bytes.slice>, Uint8Array<ArrayBuffer>>(true);
	const floats = payload.as("f32");
	same<typeof floats, Float32Array>(true);
	const points = payload.as({ x: "f64", id: "u64" });
	same<typeof points, readonly Struct<{ x: "f64"; id: "u64" }>[]>(true);
	for (const point of points) {
		point.x = Number(point.id);
		// @ts-expect-error a 64-bit integer is a bigint
		point.id = 1;
	}
	const typed = payload.as(schema({ y: "i8" }));
	same<(typeof typed)[number], { y: number }>(true);
	// @ts-expect-error the structs are where they are
	typed[0] = { y: 1 };
	// @ts-expect-error no dtype
	payload.as("f16");
	// @ts-expect-error no dtype
	payload.as({ x: "f16" });
	const fields: Fields = { x: "f64" };
	const anything = payload.as(fields);
	same<typeof anything, readonly Struct[]>(true);
}

/** Never called. */
export function vectors(region: Region, dtype: DType): void {
	const residuals = region.vector("residuals", "f64");
	same<typeof residuals, Vector<"f64">>(true);
	same<ReturnType<typeof residuals.at>, number | undefined>(true);
	same<ReturnType<typeof residuals.pop>, number | undefined>(true);
	same<typeof residuals.view, Float64Array>(true);
	for (const each of residuals) same<typeof each, number>(true);
	const length = residuals.push(1, 2, 3);
	same<typeof length, number>(true);
	// @ts-expect-error a number is no bigint
	residuals.push(1n);
	// @ts-expect-error one of them is a bigint
	residuals.push(1, 2n);
	// @ts-expect-error text is no number
	residuals.set(0, "1");
	// @ts-expect-error the value is missing
	residuals.set(0);
	// @ts-expect-error the length is what there is, and resize changes it
	residuals.length = 3;
	// @ts-expect-error elements are changed with set, or through the view
	residuals[0] = 1;
	// @ts-expect-error there may be none
	const last: number = residuals.at(-1);
	void last;

	const ids = region.vector("ids", "u64");
	same<ReturnType<typeof ids.at>, bigint | undefined>(true);
	same<typeof ids.view, BigUint64Array>(true);
	same<(typeof ids)["dtype"], "u64">(true);
	for (const each of ids) same<typeof each, bigint>(true);
	ids.push(1n);
	// @ts-expect-error a 64-bit integer is a bigint
	ids.push(1);
	// @ts-expect-error no dtype
	region.vector("ids", "f16");
	const existing = region.vector("ids");
	same<typeof existing, Vector>(true);
	const anything: Vector = region.vector("any", dtype);
	same<ReturnType<typeof anything.at>, number | bigint | undefined>(true);
}

/** Never called. */
export function maps(region: Region): void {
	const best = region.map("best", { key: "string", value: "f64" });
	same<typeof best, SharedMap<"string", "f64">>(true);
	same<ReturnType<typeof best.get>, number | undefined>(true);
	same<ReturnType<typeof best.entries>, [string, number][]>(true);
	for (const entry of best) same<typeof entry, [string, number]>(true);
	const updated = best.update("run", (old) => {
		same<typeof old, number | undefined>(true);
		return (old ?? 0) + 1;
	});
	same<typeof updated, number>(true);
	best.set("a", 1).set("b", 2);
	// @ts-expect-error a key of another type
	best.get(1);
	// @ts-expect-error a value of another type
	best.set("a", "1");
	// @ts-expect-error a value of another type
	best.update("a", () => "1");
	// @ts-expect-error a map without a value for each key
	best.update("a", () => undefined);
	// @ts-expect-error an update is not awaited: the map is locked meanwhile
	best.update("a", async (old) => old ?? 0);
	// @ts-expect-error there may be none
	const some: number = best.get("a");
	// @ts-expect-error how many there are is not assigned
	best.size = 0;
	void some;

	const names = region.map("names", { key: "u64", value: "string" });
	same<ReturnType<typeof names.entries>, [bigint, string][]>(true);
	names.set(1n, "one");
	// @ts-expect-error a 64-bit integer is a bigint
	names.has(1);
	// @ts-expect-error a 64-bit integer is a bigint
	names.delete(1);
	const blobs = region.map("blobs", { key: "i16", value: "bytes" });
	same<ReturnType<typeof blobs.get>, Uint8Array | undefined>(true);
	blobs.set(1, Buffer.from("bytes"));
	// @ts-expect-error text is no bytes
	blobs.set(1, "text");
	// @ts-expect-error numbers of another width are no bytes
	blobs.set(1, new Float64Array(1));
	const counts = region.map("counts", { key: "i64", value: "i64" });
	same<ReturnType<typeof counts.entries>, [bigint, bigint][]>(true);
	// @ts-expect-error rounding would make two keys one
	region.map("best", { key: "f64", value: "f64" });
	// @ts-expect-error bytes are no key
	region.map("best", { key: "bytes", value: "f64" });
	// @ts-expect-error no type of values
	region.map("best", { key: "string", value: "boolean" });
	const existing = region.map("best");
	same<ReturnType<typeof existing.entries>[number][0], string | number | bigint>(true);
	const named = region.map("best", { key: "string" });
	same<ReturnType<typeof named.entries>[number][0], string>(true);
}

/** Never called. */
export async function queues(region: Region, block: Block): Promise<void> {
	const queue = region.queue("messages");
	same<typeof queue, Queue>(true);
	same<typeof queue, ReturnType<typeof whatever>>(true);
	const whatever = () => region.queue("messages", { capacity: "1MiB" });
	const producer = queue.producer({ timeout: 1000, signal: new AbortController().signal });
	same<typeof producer, Producer>(true);
	const sent = producer.trySend("text");
	same<typeof sent, boolean>(true);
	await producer.send(new Float64Array(1), { timeout: 5, block });
	producer.sendSync(new DataView(new ArrayBuffer(1)), { block: undefined });
	same<ReturnType<typeof producer.tryReserve>, Reservation | undefined>(true);
	same<ReturnType<typeof producer.sendMany>, number>(true);
	producer.sendMany(["text", new Uint8Array(1)]);
	// @ts-expect-error what is sent is text, or a view: an object is turned into JSON first
	producer.trySend({ step: 1 });
	// @ts-expect-error a buffer is sent by a view of it
	producer.trySend(new ArrayBuffer(8));
	// @ts-expect-error one number is a typed array of one
	producer.trySend(1);
	// @ts-expect-error a try doesn't wait
	producer.trySend("text", { timeout: 5 });
	// @ts-expect-error a block goes beside a message
	await producer.send(block);
	// @ts-expect-error text is no block
	await producer.send("text", { block: "block" });
	// @ts-expect-error milliseconds
	await producer.send("text", { timeout: "5ms" });
	// @ts-expect-error a queue of messages takes no records
	producer.push(1);
	// @ts-expect-error sending is the producer's
	queue.send("text");
	// @ts-expect-error no capacity
	region.queue("messages", { capacity: true });

	const consumer = queue.consumer({ timeout: 0 });
	same<typeof consumer, Consumer>(true);
	same<ReturnType<typeof consumer.tryReceive>, Message | undefined>(true);
	same<ReturnType<typeof consumer.receiveSync>, Message | undefined>(true);
	same<ReturnType<typeof consumer.receive>, Promise<Message | undefined>>(true);
	same<ReturnType<typeof consumer.receiveMany>, Message[]>(true);
	for await (const message of consumer) {
		same<typeof message, Message>(true);
		same<typeof message.block, Block | undefined>(true);
		same<ReturnType<typeof message.take>, Block>(true);
		same<ReturnType<typeof message.json>, unknown>(true);
		// @ts-expect-error what JSON holds is not known
		message.json().step;
		// @ts-expect-error it may carry none
		message.block.free();
		// @ts-expect-error a message is released, not freed
		message.free();
	}
	for await (const batch of consumer.batches(100)) same<typeof batch, Message[]>(true);
	// @ts-expect-error how many at most
	consumer.batches();
	// @ts-expect-error iterating waits, so it is asynchronous
	for (const message of consumer) void message;
	// @ts-expect-error the consumer doesn't end the stream
	consumer.end();
	// @ts-expect-error whether it has ended is the producer's to say
	consumer.ended = true;
}

/** Never called. */
export function records(region: Region, dtype: DType): void {
	const samples = region.queue("samples", { record: "f64", capacity: 4096 });
	same<typeof samples, RecordQueue<"f64">>(true);
	const producer = samples.producer();
	same<typeof producer, RecordProducer<"f64">>(true);
	same<ReturnType<typeof producer.push>, boolean>(true);
	same<ReturnType<typeof producer.wait>, Promise<boolean>>(true);
	same<ReturnType<typeof producer.waitSync>, boolean>(true);
	producer.pushMany(Float64Array.of(1));
	// @ts-expect-error a number is no bigint
	producer.push(1n);
	// @ts-expect-error one number at a time
	producer.push(1, 2);
	// @ts-expect-error a typed array of the same type
	producer.pushMany(Float32Array.of(1));
	// @ts-expect-error a typed array
	producer.pushMany([1]);
	// @ts-expect-error records are pushed
	producer.send("text");
	const consumer = samples.consumer({ timeout: 5 });
	same<typeof consumer, RecordConsumer<"f64">>(true);
	same<ReturnType<typeof consumer.pop>, number | undefined>(true);
	same<ReturnType<typeof consumer.popInto>, number>(true);
	consumer.popInto(new Float64Array(8));
	// @ts-expect-error a typed array of the same type
	consumer.popInto(new Uint8Array(8));
	// @ts-expect-error popping doesn't wait
	consumer.pop({ timeout: 5 });
	// @ts-expect-error milliseconds
	consumer.waitSync({ timeout: 5n });

	const ids = region.queue("ids", { record: "i64" });
	const id = ids.consumer().pop();
	same<typeof id, bigint | undefined>(true);
	ids.producer().pushMany(BigInt64Array.of(1n));
	// @ts-expect-error a 64-bit integer is a bigint
	ids.producer().push(1);
	// @ts-expect-error signed and unsigned are two types
	ids.producer().pushMany(BigUint64Array.of(1n));
	// @ts-expect-error no dtype
	region.queue("samples", { record: "string" });
	// @ts-expect-error records are counted, their bytes are not
	region.queue("samples", { record: "f64", capacity: "1MiB" });
	// @ts-expect-error a queue of messages has a capacity
	region.queue("samples", { keep: 4096 });
	// @ts-expect-error the latest is one
	region.queue("samples", { policy: "latest", keep: 2 });
	const existing = region.queue<RecordQueue<"f64">>("samples");
	same<typeof existing, RecordQueue<"f64">>(true);
	const messages = region.queue("messages");
	same<typeof messages, Queue>(true);
	const either = region.queue("either", { record: dtype }).consumer().pop();
	same<typeof either, number | bigint | undefined>(true);
}

/** Never called. */
export async function locks(region: Region): Promise<void> {
	const mutex = region.mutex("mutex");
	same<typeof mutex, Mutex>(true);
	same<ReturnType<typeof mutex.tryLock>, HeldLock | undefined>(true);
	same<ReturnType<typeof mutex.lockSync>, HeldLock>(true);
	same<ReturnType<typeof mutex.lock>, Promise<HeldLock>>(true);
	using held = await mutex.lock({ timeout: 5, signal: AbortSignal.timeout(5) });
	same<typeof held.abandoned, boolean>(true);
	// @ts-expect-error that is for the region to say
	held.abandoned = false;
	// @ts-expect-error it may be held by another
	mutex.tryLock().unlock();
	// @ts-expect-error a try doesn't wait
	mutex.tryLock({ timeout: 5 });
	// @ts-expect-error milliseconds
	mutex.lockSync(5);
	// @ts-expect-error an AbortSignal
	mutex.lock({ signal: new AbortController() });
	// @ts-expect-error the lock is given up by whoever has it
	mutex.unlock();

	const condition = region.condition("condition");
	same<typeof condition, Condition>(true);
	same<ReturnType<typeof condition.wait>, Promise<void>>(true);
	condition.waitSync(held, { until: () => held.held, timeout: 5 });
	await condition.wait(held, { until: () => true, signal: AbortSignal.timeout(5) });
	// @ts-expect-error what for
	condition.waitSync(held, { timeout: 5 });
	// @ts-expect-error what for
	await condition.wait(held);
	// @ts-expect-error it is looked at with the mutex held, so it can't be waited for
	await condition.wait(held, { until: async () => true });
	// @ts-expect-error a held lock, not the mutex
	condition.waitSync(mutex, { until: () => true });
	// @ts-expect-error there is no such notification
	condition.notify();
}

/** Never called. */
export function blocks(region: Region, message: Message): void {
	const block = region.allocate(64);
	same<typeof block, Block>(true);
	same<ReturnType<typeof block.clone>, Block>(true);
	same<typeof block.bytes, Uint8Array>(true);
	// @ts-expect-error a number of bytes
	region.allocate("64");
	// @ts-expect-error the bytes are where they are
	block.bytes = new Uint8Array(64);
	// @ts-expect-error it has the length that it was allocated with
	block.length = 32;
	// @ts-expect-error blocks are allocated, not made
	new Block();
	// @ts-expect-error a message is not cloned, but its block is
	message.clone();

	const handle = region.save(block);
	same<typeof handle, Handle<Block>>(true);
	same<ReturnType<typeof handle.toJSON>, string>(true);
	const loaded = region.load(handle);
	same<typeof loaded.kind, "block">(true);
	const found = region.load(`${handle}`);
	same<typeof found, Loaded>(true);
	// @ts-expect-error a token may be of anything
	found.free();
	if (found.kind === "block") found.free();
	if (found.kind === "array") same<typeof found, SharedArray>(true);
	if (found.kind === "struct") same<(typeof found)["x"], number | bigint>(true);
	const field = region.array("field", { dtype: "f32", shape: [2] });
	const again = region.load(region.save(field));
	same<typeof again, SharedArray<"f32">>(true);
	const point = region.load("token", { x: "f64", id: "u64" });
	same<typeof point, { x: number; id: bigint }>(true);
	const numbers = region.load("token", "u64");
	same<typeof numbers, SharedArray<"u64"> | Vector<"u64">>(true);
	// @ts-expect-error no dtype
	region.load("token", "f16");
	// @ts-expect-error a queue can't be saved
	region.save(region.queue("queue"));
	same<ReturnType<typeof region.remove>, boolean>(true);
	const runs = region.map("runs", { key: "u32", value: { residual: "f64", id: "u64" } });
	same<ReturnType<typeof runs.get>, { residual: number; id: bigint } | undefined>(true);
	// @ts-expect-error a field is missing
	runs.set(1, { residual: 1 });
	const typed = region.map("typed", { key: "string", value: schema({ n: "i8" }) });
	same<ReturnType<typeof typed.get>, { n: number } | undefined>(true);
	Region.open("x", { mode: "read-only" });
	// @ts-expect-error no such mode
	Region.open("x", { mode: "write-only" });
	// @ts-expect-error a message is no block, but it may have one
	region.save(message);
	// @ts-expect-error bytes anywhere are no block
	region.save(new Uint8Array(8));
	// @ts-expect-error a token is text
	region.load(42);
	// @ts-expect-error nothing to load
	region.load();
	// @ts-expect-error a handle comes from save
	const made: Handle = { token: "" };
	void made;
}

test("correct uses of the types compile, and wrong ones do not", () => {
	for (const each of [structs, arrays, vectors, maps, queues, records, locks, blocks, payloads]) {
		assert.type(each, "function");
	}
});

test.run();
