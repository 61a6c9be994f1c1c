/** Typed arrays and views that are not what they look like. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open } from "../attachment/stage.js";
import { codeOf, codeOfLater, eachInFolder, limitedTest } from "../fixture/index.js";
import { outcome, wrong } from "./wrong.js";

eachInFolder();

limitedTest("a number where a record is a bigint is a TypeError, and harms nothing", () => {
	const queue = open().queue("r", { record: "u64", capacity: 4 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	assert.throws(() => producer.push(wrong(5)), TypeError);
	assert.throws(() => producer.push(wrong(undefined)), TypeError);
	assert.is(consumer.pop(), undefined);
	assert.ok(producer.push(5n));
	assert.is(consumer.pop(), 5n);
});

/** Views that aren't what they say, over `bytes` bytes each of which is 7. */
function liars(bytes: number): [string, ArrayBufferView][] {
	class Short extends Uint8Array {
		override get length(): number {
			return 4;
		}
	}
	const lying = (value: unknown) => Object.defineProperty(new Uint8Array(bytes), "length", { value });
	const figures = { buffer: new ArrayBuffer(1), byteOffset: 8, byteLength: 3, length: 3 };
	const wide = new Float64Array(bytes / 8);
	for (const [name, value] of Object.entries(figures)) Object.defineProperty(wide, name, { value });
	const views: [string, ArrayBufferView][] = [["a subclass", new Short(bytes)]];
	for (const value of [0, 4, 100_000, -1, 2.5, Number.NaN, "9", {}]) views.push([`${value}`, lying(value)]);
	views.push(["Float64Array", wide]);
	for (const [, view] of views) Uint8Array.prototype.fill.call(view, wrong(7));
	return views;
}

for (const policy of ["block", "drop-oldest"] as const) {
	limitedTest(`a view that lies about itself is sent as it is where the policy is ${policy}`, async () => {
		const region = open();
		const queue = policy === "block" ? region.queue("q") : region.queue("q", { policy, keep: 64 });
		const producer = queue.producer();
		const consumer = queue.consumer();
		for (const bytes of [8, 64, 4096]) {
			for (const [what, view] of liars(bytes)) {
				producer.trySend("before");
				producer.trySend(view);
				producer.sendMany([view, "after"]);
				await producer.send(view);
				const lengths = consumer.receiveMany(10).map((message) => {
					if (message.length === bytes && what !== "Float64Array") assert.is(message.bytes[bytes - 1], 7);
					message.release();
					return message.length;
				});
				assert.equal(lengths, [6, bytes, bytes, 5, bytes], `${what} of ${bytes}`);
			}
		}
	});
}

/** What passes for a typed array at a glance, or whose memory has gone. */
function shams(dtype: Float64ArrayConstructor | Uint8ArrayConstructor): [string, unknown][] {
	const detached = new dtype(64);
	structuredClone(detached.buffer, { transfer: [detached.buffer] });
	const shrunk = new ArrayBuffer(64, wrong({ maxByteLength: 64 }));
	const outside = new dtype(shrunk, 0, 64 / dtype.BYTES_PER_ELEMENT);
	(shrunk as ArrayBuffer & { resize(bytes: number): void }).resize(4);
	const revoked = Proxy.revocable(new dtype(4), {});
	revoked.revoke();
	const angry = () => {
		throw new Error("not to be asked");
	};
	return [
		["a proxy", new Proxy(new dtype(4), {})],
		["a proxy that answers", new Proxy(new dtype(600), { get: (of, name) => Reflect.get(of, name) })],
		["a proxy that throws", new Proxy(new dtype(4), { get: angry, getPrototypeOf: angry, has: angry })],
		["a revoked proxy", revoked.proxy],
		["a prototype", Object.create(dtype.prototype)],
		["an object", { constructor: dtype, length: 3, 0: 1, 1: 2, 2: 3 }],
		["a detached one", detached],
		["one outside of its buffer", outside],
	];
}

limitedTest(
	"what is no typed array, or has no memory, is DHMEM_BAD_ARGUMENT, and nothing comes of it",
	async () => {
		const region = open();
		const ends = [region.queue("ring"), region.queue("box", { policy: "latest" })].map(
			(queue) => [queue.producer(), queue.consumer()] as const,
		);
		const records = region.queue("numbers", { record: "f64", capacity: 64 });
		const pushing = records.producer();
		const popping = records.consumer();
		const map = region.map("map", { key: "string", value: "bytes" });
		const view = new DataView(new ArrayBuffer(8));
		structuredClone(view.buffer, { transfer: [view.buffer] });
		const { used } = region.stats();
		pushing.pushMany(Float64Array.of(1, 2, 3));
		const gave: string[] = [];
		const expectRefusal = async (what: string, action: () => unknown) => {
			const result = await outcome(action).catch(String);
			if (result !== "DHMEM_BAD_ARGUMENT") gave.push(`${what} gave ${result}`);
		};
		for (const [what, sham] of [...shams(Uint8Array), ["a detached DataView", view] as const]) {
			for (const [producer] of ends) {
				await expectRefusal(`${what}: trySend`, () => producer.trySend(wrong(sham)));
				await expectRefusal(`${what}: sendSync`, () => producer.sendSync(wrong(sham)));
				await expectRefusal(`${what}: send`, () => producer.send(wrong(sham)));
				await expectRefusal(`${what}: sendMany`, () => producer.sendMany([wrong(sham)]));
			}
			await expectRefusal(`${what}: set`, () => map.set("key", wrong(sham)));
		}
		for (const [what, sham] of shams(Float64Array)) {
			await expectRefusal(`${what}: pushMany`, () => pushing.pushMany(wrong(sham)));
			await expectRefusal(`${what}: popInto`, () => popping.popInto(wrong(sham)));
			await expectRefusal(`${what}: trySend`, () => ends[0]?.[0].trySend(wrong(sham)));
		}
		for (const length of [2, 1e6, -1, 0.5, Number.NaN]) {
			const liar = Object.defineProperty(new Float64Array(4), "length", { value: length });
			await expectRefusal(`length ${length}: pushMany`, () => pushing.pushMany(liar));
			await expectRefusal(`length ${length}: popInto`, () => popping.popInto(liar));
		}
		assert.equal(gave, []);
		for (const [, consumer] of ends) assert.is(consumer.tryReceive(), undefined);
		const popped = new Float64Array(4);
		assert.is(popping.popInto(popped), 3);
		assert.equal([...popped], [1, 2, 3, 0]);
		assert.is(map.size, 0);
		assert.is(region.stats().used, used);
	},
);

limitedTest("transferring a buffer while its message waits for room is DHMEM_BAD_ARGUMENT", async () => {
	const queue = open().queue("q", { capacity: 1024 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	while (producer.trySend(new Uint8Array(100)));
	const bytes = new Uint8Array(200);
	const sent = codeOfLater(producer.send(bytes));
	structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
	for (const message of consumer.receiveMany(100)) message.release();
	assert.is(await sent, "DHMEM_BAD_ARGUMENT");
	producer.trySend("after");
	assert.is(consumer.tryReceive()?.text(), "after");
});

limitedTest("an object is refused as a record, whatever it converts to", () => {
	const queue = open().queue("r", { record: "f64", capacity: 4 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	const pushing = {
		valueOf() {
			producer.push(7);
			return 8;
		},
	};
	for (const value of [pushing, () => 1, new Date(0), null]) {
		assert.is(
			codeOf(() => producer.push(wrong(value))),
			"DHMEM_BAD_ARGUMENT",
		);
	}
	assert.is(consumer.pop(), undefined);
});

test.run();
