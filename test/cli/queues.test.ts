/** `dhmem send` and `dhmem recv`: lines, bytes, and queues of every kind. */
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Ended, long, type Place, placeTest, some } from "../fixture/index.js";

/** A test with a region called r. */
function regionTest(title: string, body: (place: Place, region: Region) => Promise<void>): void {
	placeTest(title, async (place) => {
		using region = Region.open("r", { directory: place.regions, size: "16MiB" });
		try {
			await body(place, region);
		} finally {
			region.unlink();
		}
	});
}

function send(place: Place, input: string | Uint8Array, args: readonly string[] = []): Promise<Ended> {
	const { child, ended } = place.start(["send", ...args, "r", "q"]);
	child.stdin?.end(input);
	return ended;
}

/** The texts of a queue's messages, up to its end. */
async function received(region: Region): Promise<string[]> {
	const texts = [];
	using consumer = region.queue("q").consumer();
	for await (const message of consumer) texts.push(message.text());
	return texts;
}

regionTest(
	"only a line feed ends a line; other line separators are part of the message",
	async (place, region) => {
		const lines = ["a\rb", "\r", "", "c\u2028d\u2029e", "f\v\fg\u0085h", "\ufefflast\r"];
		assert.is((await send(place, lines.join("\n"))).code, 0);
		assert.equal(await received(region), lines);
	},
);

long(regionTest)("a line of any length is one message, wherever the stream is cut", async (place, region) => {
	const lines = [100_000, 0, 65_536, 65_535, 1, 300_000].map((length, index) => String(index).repeat(length));
	const { child, ended } = place.start(["send", "r", "q"]);
	const text = `${lines.join("\n")}\n`;
	for (let at = 0; at < text.length; at += 65_536) child.stdin?.write(text.slice(at, at + 65_536));
	child.stdin?.end();
	assert.equal(await received(region), lines);
	assert.is((await ended).code, 0);
});

const noText = [
	["a byte that begins no character", [0xff]],
	["half a character", [0xc3]],
	["a surrogate", [0xed, 0xa0, 0x80]],
] as const;
for (const [what, bytes] of some(noText, 3)) {
	regionTest(
		`${what} is an error with the number of its line, unless bytes are sent`,
		async (place, region) => {
			const input = Buffer.concat([
				Buffer.from("größe\nsecond\nthird "),
				Buffer.from(bytes),
				Buffer.from("\nfourth\n"),
			]);
			const { code, stderr } = await send(place, input);
			assert.is(code, 2);
			assert.match(stderr, "line 3 of standard input is not UTF-8");
			assert.match(stderr, "--raw");
			using consumer = region.queue("q").consumer();
			const messages = consumer.receiveMany(10);
			assert.equal(
				messages.map((message) => message.text()),
				["größe", "second"],
			);
			for (const message of messages) message.release();
			assert.not(consumer.ended);
			consumer.close();

			assert.is((await send(place, input, ["--raw"])).code, 0);
			const { bytes: output } = await place.run(["recv", "--raw", "r", "q"]);
			assert.ok(output.equals(input));
		},
	);
}

long(regionTest)("a message that is not text is written as a line of its bytes", async (place, region) => {
	const producer = region.queue("q").producer();
	producer.trySend(Uint8Array.of(1, 255, 0, 128));
	producer.end();
	assert.equal([...(await place.run(["recv", "r", "q"])).bytes], [1, 255, 0, 128, 10]);
});

long(regionTest)(
	"a message that is not a whole number of elements is refused, and stays in the queue",
	async (place, region) => {
		const queue = region.queue("q");
		const producer = queue.producer();
		producer.trySend(Float64Array.of(1.5));
		producer.trySend("text");
		producer.end();
		const { code, stdout, stderr } = await place.run(["recv", "--as=f64", "r", "q"]);
		assert.is(code, 1);
		assert.is(stdout, "1.5\n");
		assert.match(stderr, "A message of 4 bytes is not a whole number of f64");
		assert.is((await place.run(["recv", "r", "q"])).stdout, "text\n");
	},
);

long(regionTest)("recv refuses a message with a block, and both stay in the queue", async (place, region) => {
	const queue = region.queue("q");
	queue.producer().trySend("header", { block: region.allocate(64) });
	const { code, stdout, stderr } = await place.run(["recv", "--count=1", "r", "q"]);
	assert.is(stdout, "");
	assert.not.equal(code, 0);
	assert.match(stderr, "message 1 carries a block of 64 bytes");
	assert.is(queue.consumer().tryReceive()?.block?.length, 64);
});

long(regionTest)("recv writes the zero below zero as the number that it is", async (place, region) => {
	const producer = region.queue("q").producer();
	producer.trySend(Float64Array.of(-0, 0, 1));
	producer.end();
	assert.is((await place.run(["recv", "--as=f64", "r", "q"])).stdout, "-0 0 1\n");
	const records = region.queue("records", { record: "f32" }).producer();
	records.pushMany(Float32Array.of(-0, 2));
	records.end();
	assert.is((await place.run(["recv", "r", "records"])).stdout, "-0\n2\n");
});

regionTest("recv writes structs as lines of JSON, and only programs send them", async (place, region) => {
	const producer = region.queue("q", { record: { id: "u64", x: "f64" } }).producer();
	producer.push({ id: 2n ** 60n, x: 0.5 });
	for (const x of [-0, Number.NaN, -Infinity]) producer.push({ id: 1n, x });
	const [first, ...others] = [
		'{"id":"1152921504606846976","x":0.5}\n',
		'{"id":"1","x":-0}\n',
		'{"id":"1","x":"NaN"}\n',
		'{"id":"1","x":"-Infinity"}\n',
	];
	assert.is((await place.run(["recv", "--peek", "r", "q"])).stdout, [first, ...others].join(""));
	assert.is((await place.run(["recv", "--peek", "--count=1", "r", "q"])).stdout, first);
	assert.is((await place.run(["recv", "--as=f64", "r", "q"])).code, 2);
	assert.is((await place.run(["recv", "--peek", "--raw", "r", "q"])).code, 2);
	assert.is((await place.run(["recv", "--count=1", "r", "q"])).stdout, first);
	producer.end();
	assert.is((await place.run(["recv", "r", "q"])).stdout, others.join(""));
	producer.close();
	assert.is((await send(place, "1\n")).code, 2);
});

regionTest("recv leaves the records that it could not write", async (place, region) => {
	region.queue("numbers", { record: "u8" }).producer().push(7);
	region
		.queue("structs", { record: { x: "u8" } })
		.producer()
		.push({ x: 7 });
	for (const [queue, line] of [
		["numbers", "7\n"],
		["structs", '{"x":7}\n'],
	] as const) {
		assert.is((await place.shell(`dhmem recv r ${queue} > /dev/full`)).code, 1);
		assert.is((await place.run(["recv", "--count=1", "r", queue])).stdout, line);
	}
});

regionTest("recv reads the newest messages of a queue that drops the oldest", async (place, region) => {
	for (const [name, options, expected] of [
		["latest", { policy: "latest" }, "3\n"],
		["last", { policy: "drop-oldest", keep: 2 }, "2\n3\n"],
	] as const) {
		const producer = region.queue(name, options).producer();
		for (const text of ["1", "2", "3"]) producer.trySend(text);
		producer.end();
		const { code, stdout, stderr } = await place.run(["recv", "r", name]);
		assert.is(code, 0, stderr);
		assert.is(stdout, expected);
	}
});

long(regionTest)("recv and send know queues of records", async (place, region) => {
	const queue = region.queue("q", { record: "i64", capacity: 16 });
	const { child, ended } = place.start(["send", "r", "q"]);
	const receiver = place.run(["recv", "r", "q"]);
	const numbers = Array.from({ length: 100 }, (_, index) => String(2n ** 60n + BigInt(index)));
	child.stdin?.end(`${numbers.slice(0, 50).join(" ")}\n${numbers.slice(50).join("\n")}\n`);
	assert.is((await ended).code, 0);
	assert.is((await receiver).stdout, `${numbers.join("\n")}\n`);

	queue.producer().pushMany(BigInt64Array.of(1n, 2n, 3n));
	const two = await place.run(["recv", "--raw", "--count=2", "r", "q"]);
	assert.is(two.stderr, "");
	assert.equal([...new BigInt64Array(new Uint8Array(two.bytes).buffer)], [1n, 2n]);
	const wrong = await place.run(["recv", "--as=f64", "r", "q"]);
	assert.is(wrong.code, 2);
	assert.match(wrong.stderr, "the queue has records of type i64");
	assert.is(queue.consumer().pop(), 3n);
});

long(regionTest)("recv ends after --count messages, and leaves the rest", async (place, region) => {
	const queue = region.queue("q");
	const producer = queue.producer();
	for (let i = 0; i < 5; i++) producer.trySend(String(i));
	const { code, stdout } = await place.run(["recv", "--count", "3", "r", "q"]);
	assert.is(code, 0);
	assert.is(stdout, "0\n1\n2\n");
	assert.is((await place.run(["recv", "--count", "1", "r", "q"])).stdout, "3\n");
	assert.is(region.stats().queues[0]?.depth, 1);
	for (const wrong of some(["0", "-1", "1.5", "many"], 4)) {
		assert.is((await place.run(["recv", `--count=${wrong}`, "r", "q"])).code, 2, wrong);
	}
});

long(regionTest)("recv fails when nothing comes for --timeout milliseconds", async (place, region) => {
	region.queue("q").producer().trySend("one");
	region.queue("records", { record: "f64" });
	for (const [queue, output] of [
		["q", "one\n"],
		["records", ""],
	] as const) {
		const { code, stdout, stderr } = await place.run(["recv", "--timeout", "50", "r", queue]);
		assert.is(code, 1);
		assert.is(stdout, output);
		assert.match(stderr, "DHMEM_TIMEOUT");
	}
	assert.is((await place.run(["recv", "--timeout=soon", "r", "q"])).code, 2);
});

long(placeTest)("recv creates a missing region only with --create", async (place) => {
	const misspelt = await place.run(["recv", "climat", "steps"]);
	assert.is(misspelt.code, 1);
	assert.match(misspelt.stderr, /climat.*--create.*DHMEM_NOT_FOUND/);
	assert.equal(place.left(), []);

	using region = Region.open("climate", { directory: place.regions, size: "16MiB" });
	const { code, stderr } = await place.run(["recv", "climate", "steps"]);
	assert.is(code, 1);
	assert.match(stderr, /There is no queue steps .*--create.*DHMEM_NOT_FOUND/);
	assert.equal(region.entries(), []);
	region.mutex("steps");
	assert.match((await place.run(["recv", "climate", "steps"])).stderr, "DHMEM_TYPE_MISMATCH");
	region.unlink();
});

long(regionTest)(
	"SIGTERM ends a recv whose output nobody reads, and what was not read comes again",
	async (place, region) => {
		const queue = region.queue("q");
		const producer = queue.producer();
		const messages = Array.from({ length: 50 }, (_, index) => String(index).padEnd(5000, "."));
		for (const message of messages) producer.trySend(message);
		const { child, ended } = place.unread(["recv", "r", "q"]);
		// More than a pipe has room for: some were received, and then it writes in vain.
		const left = () => region.stats().queues[0]?.depth ?? 0;
		let before = -1;
		while (before !== left() || before === 50) {
			before = left();
			await new Promise((resolve) => setTimeout(resolve, 200));
		}
		child.kill("SIGTERM");
		assert.is(await ended, 143);
		const unread = left();
		assert.ok(unread > 0 && unread < 50, `${unread} are left`);
		using consumer = queue.consumer();
		assert.equal(
			consumer.receiveMany(100).map((message) => message.text()),
			messages.slice(50 - unread),
		);
	},
);

const chatty = ["one", "", "größe", "x".repeat(3000)];

const peeked = [
	["a queue", {}, chatty],
	["a queue that drops the oldest", { policy: "drop-oldest", keep: 3 }, chatty.slice(1)],
	["a queue of the latest message", { policy: "latest" }, chatty.slice(3)],
] as const;
for (const [what, options, expected] of some(peeked, 2)) {
	regionTest(`--peek shows the messages in ${what} without disturbing anyone`, async (place, region) => {
		const queue = region.queue("q", options);
		// A producer that notices when a consumer leaves, and a consumer that has the end.
		const producer = queue.producer();
		using consumer = queue.consumer();
		for (const text of chatty) producer.trySend(text);
		const before = region.stats();
		const all = await place.run(["recv", "--peek", "r", "q"]);
		assert.is(all.code, 0, all.stderr);
		assert.is(all.stdout, expected.map((text) => `${text}\n`).join(""));
		const one = await place.run(["recv", "--peek", "--count=1", "r", "q"]);
		assert.is(one.stdout, `${expected[0]}\n`);
		assert.equal(region.stats(), before);
		assert.equal(
			consumer.receiveMany(10).map((message) => message.text()),
			expected,
		);
	});
}

regionTest(
	"--peek skips released messages, and shows messages that travel as blocks",
	async (place, region) => {
		const queue = region.queue("q", { capacity: 256 });
		const producer = queue.producer();
		using consumer = queue.consumer();
		// Over the end of the ring again and again, with ends of streams in between.
		for (let i = 0; i < 40; i++) {
			producer.trySend(String(i));
			consumer.tryReceive()?.release();
		}
		producer.trySend("kept");
		producer.trySend("large".repeat(100));
		producer.trySend("released");
		using block = region.allocate(8);
		producer.trySend("header", { block });
		const messages = consumer.receiveMany(4);
		messages[2]?.release();
		const { stdout, stderr } = await place.run(["recv", "--peek", "r", "q"]);
		assert.is(stderr, "");
		assert.is(stdout, `kept\n${"large".repeat(100)}\nheader\n`);
	},
);

long(regionTest)("--peek shows records, as numbers or bytes", async (place, region) => {
	const queue = region.queue("q", { record: "u16", capacity: 8 });
	const producer = queue.producer();
	using consumer = queue.consumer();
	producer.pushMany(Uint16Array.of(1, 2, 3, 4, 5));
	consumer.popInto(new Uint16Array(5));
	// Over the end of the ring.
	producer.pushMany(Uint16Array.of(6, 7, 8, 9, 10, 11));
	assert.is((await place.run(["recv", "--peek", "r", "q"])).stdout, "6\n7\n8\n9\n10\n11\n");
	assert.is((await place.run(["recv", "--peek", "--count=4", "r", "q"])).stdout, "6\n7\n8\n9\n");
	const { bytes } = await place.run(["recv", "--peek", "--raw", "r", "q"]);
	assert.equal([...new Uint16Array(new Uint8Array(bytes).buffer)], [6, 7, 8, 9, 10, 11]);
	const values = new Uint16Array(6);
	assert.is(consumer.popInto(values), 6);
});

long(regionTest)(
	"--peek creates nothing, never waits, and refuses objects that are not queues",
	async (place, region) => {
		region.queue("empty");
		region.mutex("mutex");
		const empty = await place.run(["recv", "--peek", "r", "empty"]);
		assert.is(empty.code, 0);
		assert.is(empty.stdout, "");
		const refused = [
			[["r", "nothing"], 1, "DHMEM_NOT_FOUND"],
			[["nowhere", "q"], 1, "DHMEM_NOT_FOUND"],
			[["r", "mutex"], 1, /is a mutex.*DHMEM_TYPE_MISMATCH/],
			[["--create", "r", "q"], 2, "cannot be used with"],
			[["--timeout=1", "r", "q"], 2, "cannot be used with"],
			[["a", "b", "c"], 2, "a region and a queue"],
		] as const;
		for (const [args, code, words] of some(refused, 3)) {
			const ended = await place.run(["recv", "--peek", ...args]);
			assert.is(ended.code, code, ended.stderr);
			assert.match(ended.stderr, words);
		}
	},
);

long(regionTest)("--peek in a task shows an input", async (place, region) => {
	region.queue("a.points>f.points").producer().trySend("point");
	const task = { DHMEM_REGION: "r", DHMEM_TASK: "f", DHMEM_LINKS: "points=a.points>f.points" };
	assert.is((await place.run(["recv", "--peek", "points"], task)).stdout, "point\n");
	assert.match((await place.run(["recv", "--peek", "squares"], task)).stderr, "DHMEM_NOT_FOUND");
});

for (const command of some(["send r q", "put --region r"], 2)) {
	regionTest(`${command} says so when its input is a folder`, async (place, region) => {
		const { code, stderr } = await place.shell(`dhmem ${command} < /`);
		assert.is(code, 2);
		assert.match(stderr, "is a folder");
		assert.is(region.stats().queues[0]?.sent ?? 0, 0);
	});

	regionTest(`${command} says so when its input can't be read, and ends no stream`, async (place, region) => {
		const { code, stderr } = await place.shell(`dhmem ${command} 0> only-written`);
		assert.is(code, 1);
		assert.match(stderr, /^dhmem: the input can't be read: EBADF/);
		assert.is(region.activity().queues[0]?.ended ?? 0, 0);
	});
}

for (const command of some(["send r", "recv r", "recv --peek r"], 3, 2)) {
	regionTest(`${command} outside a task asks for the queue`, async (place) => {
		const { code, stderr } = await place.shell(`dhmem ${command} < /dev/null`);
		assert.is(code, 2);
		assert.match(stderr, "give a region and a queue");
	});
}

test.run();
