/** User code that runs in the middle of a call (getters, `valueOf`, iterables) must not find a place chosen already. */
import type { Block, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, regionTest } from "../fixture/index.js";

/** A value that does something when it becomes a number, which is 666. */
function acting(act: () => void): never {
	return {
		valueOf() {
			act();
			return 666;
		},
	} as never;
}

/** As many blocks as may lie where something was a moment ago, full of zeros. */
function occupy(region: Region): Block[] {
	const blocks = Array.from({ length: 64 }, () => region.allocate(64));
	for (const block of blocks) block.bytes.fill(0);
	return blocks;
}

const fields = { a: "f64", b: "f64", c: "f64", d: "f64", e: "f64", f: "f64", g: "f64", h: "f64" } as const;

for (const [title, write] of [
	["vector.push", (region, value) => region.vector("x", "f64").push(value)],
	["vector.push of many", (region, value) => region.vector("x", "f64").push(1, value, value)],
	["vector.set", (region, value) => region.vector("x", "f64").set(7, value)],
	["array.set", (region, value) => region.array("x", { dtype: "f64", shape: [8] }).set(7, value)],
	[
		"a field of a struct",
		(region, value) => {
			region.struct("x", fields).h = value;
		},
	],
] as [string, (region: Region, value: never) => void][]) {
	regionTest(
		`${title} writes nothing to memory that was given up while the value became a number`,
		(region) => {
			if (title.startsWith("vector")) region.vector("x", "f64").push(1, 2, 3, 4, 5, 6, 7, 8);
			let blocks: Block[] = [];
			const value = acting(() => {
				region.remove("x");
				blocks = occupy(region);
			});
			const code = codeOf(() => write(region, value));
			assert.ok(["DHMEM_CLOSED", "nothing"].includes(code), code);
			assert.is(blocks.length, 64);
			assert.ok(
				blocks.every((block) => block.bytes.every((byte) => byte === 0)),
				"a block of somebody else's was written to",
			);
		},
	);
}

regionTest("queues of records refuse values whose conversion would run code", (region) => {
	const producer = region.queue("r", { record: "f64" }).producer();
	assert.is(
		codeOf(() => producer.push(acting(() => producer.close()))),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(producer.closed, false);
});

regionTest("a vector's value closes the region before the vector is changed", (region) => {
	const vector = region.vector("v", "f64");
	assert.is(
		codeOf(() => vector.push(acting(() => region.close()))),
		"DHMEM_CLOSED",
	);
});

regionTest("values become numbers as they do in a typed array, once each", (region) => {
	const vector = region.vector("v", "i8");
	let times = 0;
	const value = acting(() => {
		times++;
	});
	vector.push("5" as never, 300, 1.9);
	vector.set(0, 666);
	assert.equal([...vector], [-102, 44, 1]);
	const array = region.array("a", { dtype: "u8", shape: [2] });
	array.set(1, value);
	assert.equal([...array.data], [0, 154]);
	const struct = region.struct("s", { a: "i16", b: "u64" });
	struct.a = value;
	struct.b = -1n;
	assert.equal({ ...struct }, { a: 666, b: 2n ** 64n - 1n });
	assert.is(times, 2);
	assert.throws(() => {
		struct.b = 1 as never;
	}, TypeError);
});

regionTest("the block of a send is read once, however often it is tried", async (region) => {
	const queue = region.queue("q", { capacity: 256 });
	const producer = queue.producer();
	while (producer.trySend("full"));
	const blocks = [region.allocate(64), region.allocate(64)];
	const [block] = blocks;
	let reads = 0;
	const options = {
		get block() {
			return blocks[reads++];
		},
	};
	const sent = producer.send("with a block", options);
	const consumer = queue.consumer();
	let found: Block | undefined;
	for await (const message of consumer) {
		if (message.text() === "full") continue;
		found = message.take();
		break;
	}
	await sent;
	assert.is(reads, 1);
	assert.is(found?.length, 64);
	assert.is(
		codeOf(() => block?.bytes),
		"DHMEM_CLOSED",
		"the first one was handed over",
	);
	blocks[1]?.free();
});

for (const policy of ["block", "drop-oldest"] as const) {
	regionTest(
		`data whose buffer an option's getter gives away is refused where the policy is ${policy}`,
		(region) => {
			const producer = region.queue("q", policy === "block" ? {} : { policy }).producer();
			for (const [send, allowed] of [
				[(data: Uint8Array, options: object) => producer.trySend(data, options), "block"],
				[(data: Uint8Array, options: object) => producer.sendSync(data, options), "timeout"],
			] as const) {
				const data = new Uint8Array(100).fill(7);
				const options = Object.defineProperty({}, allowed, {
					enumerable: true,
					get() {
						structuredClone(data, { transfer: [data.buffer] });
						return undefined;
					},
				});
				assert.is(
					codeOf(() => send(data, options)),
					"DHMEM_BAD_ARGUMENT",
				);
			}
			assert.is(region.queue("q").consumer().tryReceive(), undefined);
		},
	);

	regionTest(
		`what says another length each time is sent as it is where the policy is ${policy}`,
		(region) => {
			const queue = region.queue("q", policy === "block" ? {} : { policy });
			const producer = queue.producer();
			const consumer = queue.consumer();
			for (const length of [100, 10_000]) {
				let reads = 0;
				const data = Object.defineProperty(new Uint8Array(length).fill(7), "length", {
					get: () => (reads++ % 2 === 0 ? length : 2 ** 20),
				});
				producer.trySend(data);
				producer.sendSync(data);
				producer.sendMany([data, data]);
				const lengths = consumer.receiveMany(10).map((message) => message.length);
				assert.equal(lengths, [length, length, length, length]);
			}
		},
	);
}

regionTest(
	"an array of records that says another length each time fills no more than there is room for",
	(region) => {
		const queue = region.queue("r", { record: "f64", capacity: 8 });
		const producer = queue.producer();
		const consumer = queue.consumer();
		const lying = (values: Float64Array) => {
			let reads = 0;
			return Object.defineProperty(values, "length", { get: () => (reads++ % 2 === 0 ? 4 : 1000) });
		};
		assert.is(producer.pushMany(lying(Float64Array.of(1, 2, 3, 4))), 4);
		const into = lying(new Float64Array(4));
		assert.is(consumer.popInto(into), 4);
		assert.equal([into[0], into[1], into[2], into[3]], [1, 2, 3, 4]);
	},
);

regionTest(
	"an endpoint whose options remove the queue does not take the object that replaces it",
	(region) => {
		let removed = false;
		const options = {
			get timeout() {
				if (!removed) {
					removed = true;
					region.remove("q");
					region.queue("another");
				}
				return undefined;
			},
		};
		const queue = region.queue("q");
		assert.is(
			codeOf(() => queue.producer(options)),
			"DHMEM_CLOSED",
		);
		region.queue("another").producer().trySend("mine");
	},
);

regionTest("items that an iterable gave before it closed the producer are sent", (region) => {
	const queue = region.queue("q");
	for (const [title, finish] of [
		["when it is asked for the next", "next"],
		["when it is told to end", "return"],
	] as const) {
		const producer = queue.producer();
		const large = new Uint8Array(700_000);
		const items = {
			[Symbol.iterator]() {
				let turn = 0;
				return {
					next() {
						if (++turn === 3 && finish === "next") producer.close();
						return { done: false, value: turn <= 2 ? `${turn}` : large };
					},
					return() {
						producer.close();
						return { done: true, value: undefined };
					},
				};
			},
		};
		const code = codeOf(() => producer.sendMany(items as Iterable<string>));
		assert.ok(["nothing", "DHMEM_CLOSED"].includes(code), `${title}: ${code}`);
		using consumer = queue.consumer();
		const messages = consumer.receiveMany(10);
		assert.equal(
			messages.slice(0, 2).map((message) => message.text()),
			["1", "2"],
			title,
		);
		for (const message of messages) message.release();
	}
});

regionTest("an imitation of a block is refused, and a block's length can't be faked", (region) => {
	const producer = region.queue("q").producer();
	const block = region.allocate(64);
	const proxy = new Proxy(block, {});
	assert.is(
		codeOf(() => producer.trySend("x", { block: proxy })),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.throws(() => {
		(block as { length: number }).length = 2 ** 20;
	}, TypeError);
	Object.defineProperty(block, "length", { value: 2 ** 20 });
	assert.is(block.bytes.length, 64);
	producer.trySend("x", { block });
	assert.is(region.queue("q").consumer().tryReceive()?.block?.length, 64);
});

regionTest("initial elements and sizes are read once", (region) => {
	let reads = 0;
	const initial = new Proxy([1, 2, 3], {
		get(target, key) {
			if (key === "1") reads++;
			return Reflect.get(target, key);
		},
	});
	const shape = new Proxy([3], {
		get(target, key) {
			if (key === "0") reads++;
			return key === "0" && reads > 1 ? 1000 : Reflect.get(target, key);
		},
	});
	const array = region.array("a", { dtype: "f64", shape, initial });
	assert.equal([...array.data], [1, 2, 3]);
	assert.is(reads, 2);
	const tail = new Uint8Array(Uint8Array.of(1, 2, 3, 4).buffer, 1, 2);
	assert.equal([...region.array("b", { dtype: "u8", shape: [2], initial: tail }).data], [2, 3]);
});

test.run();
