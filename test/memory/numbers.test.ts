/** Reading and writing numbers of blocks, messages and reservations, as `Buffer` does. */
import { type Payload, type Reads, Region, type Writes } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, count, randomFrom, regionTest, some } from "../fixture/index.js";

const kinds = ["Int16", "UInt16", "Int32", "UInt32", "BigInt64", "BigUInt64", "Float", "Double"];
const suffixes = ["Int8", "UInt8", ...kinds.flatMap((kind) => [`${kind}LE`, `${kind}BE`])];

type Read = (at?: number) => number | bigint;
type Write = (value: unknown, at?: number) => number;
const readOf = (from: Reads | Buffer, suffix: string): Read =>
	(from as unknown as Record<string, Read>)[`read${suffix}`]?.bind(from) as Read;
const writeOf = (to: Writes | Buffer, suffix: string): Write =>
	(to as unknown as Record<string, Write>)[`write${suffix}`]?.bind(to) as Write;

const LENGTH = 21;
const places = [undefined, 0, 1, 2, 3, 4, 5, 8, 13, 17, 19, 20, 21, -1, 0.5, Number.NaN, Infinity, "0", null];
const numbers = [0, -0, 1, -1, 0.5, -128, 127, 128, 255, 256, -32768, 32767, 32768, 65535, 65536, 2 ** 31]
	.concat([-(2 ** 31), -(2 ** 31) - 1, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 32, 0.1, 1e300, Number.NaN, Infinity])
	.concat(["7", null, undefined, true, "x"] as never);
const bigs = [
	0n,
	1n,
	-1n,
	2n ** 63n - 1n,
	2n ** 63n,
	-(2n ** 63n),
	-(2n ** 63n) - 1n,
	2n ** 64n - 1n,
	2n ** 64n,
];

/** The result of `act`; "refused" if it throws DHMEM_BAD_ARGUMENT, or the corresponding error of Node. */
function outcome(act: () => unknown): unknown {
	try {
		return act();
	} catch (error) {
		const { code } = error as { code?: string };
		if (code === "DHMEM_BAD_ARGUMENT" || code?.startsWith("ERR_") || error instanceof TypeError)
			return "refused";
		throw error;
	}
}

/** Calls `use` with a block, a message in the ring, one in a block of its own, and reservations of both kinds. */
function eachPayload(region: Region, length: number, use: (payload: Payload, name: string) => void): void {
	const bytes = Buffer.alloc(length);
	use(region.allocate(length), "a block");
	for (const options of [{ capacity: 4096 }, { capacity: 64 }, { policy: "latest" }] as const) {
		const queue = region.queue(`q ${JSON.stringify(options)}`, options);
		using producer = queue.producer();
		using consumer = queue.consumer();
		// Moves the ring's positions, so that payloads lie at different offsets.
		producer.trySend("x");
		consumer.tryReceive()?.release();
		const reservation = producer.tryReserve(length);
		if (reservation) use(reservation, `a reservation of ${queue.name}`);
		reservation?.abort();
		const block = queue.capacity === 64 ? undefined : region.allocate(length);
		producer.trySend(bytes, { block });
		const message = consumer.tryReceive();
		if (message) use(message, `a message of ${queue.name}`);
		if (message?.block) use(message.block, `a block of ${queue.name}`);
		message?.release();
	}
}

regionTest(
	"every number is written and read as Buffer does, and refused where Buffer refuses it",
	(region) => {
		eachPayload(region, LENGTH, (payload, name) => {
			if (payload.length !== LENGTH) return;
			const buffer = Buffer.alloc(LENGTH, 7);
			payload.bytes.set(buffer);
			for (const suffix of suffixes) {
				const values = suffix.startsWith("Big") ? [...bigs, 5] : numbers;
				for (const at of some(places, 3) as number[]) {
					for (const value of values) {
						const expected = outcome(() => writeOf(buffer, suffix)(value, at));
						const found = outcome(() => writeOf(payload, suffix)(value, at));
						const what = `${name}: write${suffix}(${String(value)}, ${at})`;
						assert.is(found, expected, what);
						assert.ok(buffer.equals(payload.bytes), what);
					}
					const expected = outcome(() => readOf(buffer, suffix)(at));
					assert.equal(
						outcome(() => readOf(payload, suffix)(at)),
						expected,
						`${name}: read${suffix}(${at})`,
					);
				}
			}
		});
	},
);

regionTest("random bytes are read as Buffer reads them", (region) => {
	const random = randomFrom(5);
	const block = region.allocate(4096);
	const buffer = Buffer.from(block.bytes.buffer, block.bytes.byteOffset, block.length);
	for (let index = 0; index < block.length; index++) buffer[index] = random(256);
	for (let turn = 0; turn < count(5000, 200_000); turn++) {
		const at = random(4089);
		for (const suffix of suffixes)
			assert.equal(readOf(block, suffix)(at), readOf(buffer, suffix)(at), suffix);
	}
});

regionTest("copyTo copies as Buffer's copy does", (region) => {
	eachPayload(region, 600, (payload, name) => {
		for (let index = 0; index < payload.length; index++) payload.writeUInt8(index % 251, index);
		const buffer = Buffer.from(payload.bytes.buffer, payload.bytes.byteOffset, payload.length);
		for (const size of [0, 1, 3, 64, 255, 257, 700]) {
			for (const [targetStart, start, end] of [
				[],
				[0],
				[1, 0],
				[3, 5],
				[0, 5, 9],
				[2, 1, 300],
				[0, 600],
				[0, 10, 5],
				[800, 0],
				[0, 0, 9999],
			]) {
				const expected = Buffer.alloc(size, 0xee);
				const found = new Uint8Array(size).fill(0xee);
				const bytes = outcome(() => buffer.copy(expected, targetStart, start, end));
				const what = `${name}: ${size} ${targetStart} ${start} ${end}`;
				assert.is(payload.copyTo(found, targetStart, start, end), bytes, what);
				assert.ok(expected.equals(found), what);
			}
		}
		for (const wrong of [-1, 0.5, Number.NaN, "1" as never]) {
			for (const positions of [[wrong], [0, wrong], [0, 0, wrong]]) {
				assert.is(
					codeOf(() => payload.copyTo(new Uint8Array(9), ...positions)),
					"DHMEM_BAD_ARGUMENT",
				);
			}
		}
	});
});

regionTest("copyTo takes any view, and targets that change between calls", (region) => {
	const block = region.allocate(64);
	for (let index = 0; index < 8; index++) block.writeDoubleLE(index / 2, index * 8);
	const doubles = new Float64Array(4);
	assert.is(block.copyTo(doubles, 8, 16), 24);
	assert.equal([...doubles], [0, 1, 1.5, 2]);
	const view = new DataView(new ArrayBuffer(16), 8);
	assert.is(block.copyTo(view, 0, 8), 8);
	assert.is(view.getFloat64(0, true), 0.5);
	const buffer = new ArrayBuffer(16, { maxByteLength: 64 } as never);
	const tracking = new Uint8Array(buffer);
	for (const size of [16, 64, 8, 32]) {
		(buffer as unknown as { resize(bytes: number): void }).resize(size);
		assert.is(block.copyTo(tracking), size);
	}
	const gone = new Uint8Array(8);
	assert.is(block.copyTo(gone), 8);
	structuredClone(gone, { transfer: [gone.buffer] });
	for (const wrong of [gone, undefined, "text", [1, 2]])
		assert.is(
			codeOf(() => block.copyTo(wrong as never)),
			"DHMEM_BAD_ARGUMENT",
		);
});

regionTest("what was freed, sent, committed or released can't be read or written", (region) => {
	const gone: Payload[] = [];
	const block = region.allocate(8);
	block.free();
	gone.push(block);
	const queue = region.queue("q");
	using producer = queue.producer();
	const consumer = queue.consumer();
	const reservation = producer.tryReserve(8);
	if (reservation) gone.push(reservation);
	reservation?.commit();
	producer.trySend(new Uint8Array(8));
	const sent = region.allocate(8);
	producer.trySend("a block", { block: sent });
	gone.push(sent);
	for (const message of consumer.receiveMany(2)) {
		gone.push(message);
		message.release();
	}
	const last = consumer.tryReceive();
	if (last?.block) gone.push(last, last.block);
	consumer.close();
	const open = region.allocate(8);
	gone.push(open);
	assert.is(gone.length, 8);
	for (const [index, payload] of gone.entries()) {
		if (payload === open) region.close();
		for (const use of [
			() => payload.readDoubleLE(0),
			() => payload.writeDoubleLE(1, 0),
			() => payload.copyTo(new Uint8Array(8)),
		]) {
			assert.is(codeOf(use), "DHMEM_CLOSED", `number ${index}`);
		}
	}
});

test("a value whose conversion frees its block is not written", () => {
	using region = Region.temporary({ size: "1MiB" });
	const block = region.allocate(8);
	const value = { valueOf: () => block.free() ?? 5 } as unknown as number;
	assert.is(
		codeOf(() => block.writeInt8(value)),
		"DHMEM_CLOSED",
	);
});

test("numbers of a region that was opened for reading are read and not written", () => {
	using region = Region.temporary({ size: "1MiB" });
	const block = region.allocate(8);
	block.writeDoubleLE(0.5);
	const token = String(region.save(block));
	using reader = Region.open(region.name, { mode: "read-only" });
	const loaded = reader.load(token);
	if (loaded.kind !== "block") throw new Error("A block was saved");
	assert.is(loaded.readDoubleLE(), 0.5);
	assert.is(
		codeOf(() => loaded.writeDoubleLE(1)),
		"DHMEM_READ_ONLY",
	);
});

regionTest("a position that is no number is refused before anything of it runs", (region) => {
	const asked = {
		valueOf: () => assert.unreachable("the position's code ran"),
	};
	for (const wrong of [asked, Symbol("at"), 1n, [1]] as unknown[] as number[]) {
		eachPayload(region, 64, (payload, name) => {
			assert.is(
				codeOf(() => payload.readUInt8(wrong)),
				"DHMEM_BAD_ARGUMENT",
				name,
			);
			assert.is(
				codeOf(() => payload.writeUInt8(1, wrong)),
				"DHMEM_BAD_ARGUMENT",
				name,
			);
		});
		using batch = region.queue("batches").producer().tryReserveMany(8, 4);
		assert.is(
			codeOf(() => batch?.offset(wrong)),
			"DHMEM_BAD_ARGUMENT",
		);
		region.remove("batches");
	}
});

test.run();
