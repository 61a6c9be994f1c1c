/** `consumer.readable()`: what its reader has not taken is delivered again. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";
import { type Consumer, type Queue, Region, type Sendable } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Input } from "../../src/workflow/input.js";
import { codeOfLater, errorOf, regionTest } from "../fixture/index.js";

const jobs = Array.from({ length: 10 }, (_, index) => `job ${index + 1}`);

/** A queue with these messages, and then the end. */
function filled(region: Region, messages: Iterable<Sendable> = jobs): Queue {
	const queue = region.queue("jobs");
	const producer = queue.producer();
	for (const message of messages) assert.ok(producer.trySend(message));
	producer.end();
	return queue;
}

/** Receives and releases what a consumer gets without waiting. */
function drain(consumer: Consumer): string[] {
	const texts = [];
	for (let message = consumer.tryReceive(); message !== undefined; message = consumer.tryReceive()) {
		texts.push(message.text());
		message.release();
	}
	return texts;
}

/** What is left in the queue after a consumer has left. */
function leftBy(consumer: Consumer, queue: Queue): string[] {
	consumer.close();
	using next = queue.consumer();
	return drain(next);
}

/** Takes this many chunks, and leaves the loop. */
async function take(stream: AsyncIterable<unknown>, count: number): Promise<string[]> {
	const taken: string[] = [];
	for await (const chunk of stream) {
		taken.push(String(chunk));
		if (taken.length === count) break;
	}
	return taken;
}

for (const options of [{}, { objectMode: true }]) {
	const kind = options.objectMode ? "messages" : "bytes";

	regionTest(
		`a failed pipeline of ${kind} leaves the chunk that its sink worked on, and all after it, in the queue`,
		async (region) => {
			const queue = filled(region);
			const consumer = queue.consumer();
			const done: string[] = [];
			const sink = new Writable({
				...options,
				highWaterMark: 1,
				async write(chunk, _encoding, callback) {
					await turn();
					done.push(String(chunk));
					callback(done.length === 2 ? new Error("the database is down") : null);
				},
			});
			await pipeline(consumer.readable(options), sink).then(
				() => assert.unreachable(),
				(error: Error) => assert.is(error.message, "the database is down"),
			);
			assert.equal(done, jobs.slice(0, 2));
			assert.equal(leftBy(consumer, queue), jobs.slice(1));
		},
	);

	regionTest(
		`a pipeline of ${kind} through a generator that throws leaves what it was at`,
		async (region) => {
			const queue = filled(region);
			const consumer = queue.consumer();
			const work = async (source: AsyncIterable<unknown>) => {
				for await (const chunk of source) if (String(chunk) === "job 4") throw new Error("enough");
			};
			await pipeline(consumer.readable(options), work).catch(() => {});
			assert.equal(leftBy(consumer, queue), jobs.slice(3));
		},
	);

	regionTest(`leaving a loop over ${kind} early leaves the last message and all after it`, async (region) => {
		const queue = filled(region);
		const consumer = queue.consumer();
		assert.equal(await take(consumer.readable(options), 3), jobs.slice(0, 3));
		assert.equal(leftBy(consumer, queue), jobs.slice(2));
	});

	regionTest(
		`the same consumer receives again the messages that a stream of ${kind} had not reached`,
		async (region) => {
			const consumer = filled(region).consumer();
			await take(consumer.readable(options), 3);
			assert.equal(await take(consumer.readable(options), 2), jobs.slice(2, 4));
			assert.is(consumer.receiveMany(10).length, 1, "what came again is no run with what is new");
			assert.equal(drain(consumer), jobs.slice(4));
			assert.ok(consumer.ended);
		},
	);

	regionTest(`reading a stream of ${kind} to its end releases all messages`, async (region) => {
		const queue = filled(region);
		const consumer = queue.consumer();
		const before = region.stats().queues[0]?.depth;
		assert.is(before, 10);
		const ended: number[] = [];
		const stream = consumer.readable(options);
		stream.on("end", () => ended.push(region.stats().queues[0]?.depth ?? -1));
		assert.is((await take(stream, 100)).join(), jobs.join());
		assert.equal(ended, [0]);
		assert.ok(consumer.ended);
	});

	regionTest(
		`a listener for ${kind} that pauses gets no more, and that one is not released`,
		async (region) => {
			const queue = filled(region);
			const consumer = queue.consumer();
			const stream = consumer.readable(options);
			const heard: string[] = [];
			stream.on("data", (chunk) => {
				heard.push(String(chunk));
				if (heard.length === 4) stream.pause();
			});
			await once(stream, "pause");
			for (let i = 0; i < 10; i++) await turn();
			assert.equal(heard, jobs.slice(0, 4));
			assert.is(region.stats().queues[0]?.depth, 7);
			stream.resume();
			await once(stream, "end");
			assert.equal(heard, jobs);
		},
	);

	regionTest(`a listener for ${kind} that destroys the stream gets that one again`, async (region) => {
		const consumer = filled(region).consumer();
		const stream = consumer.readable(options);
		stream.on("data", (chunk) => String(chunk) === "job 2" && stream.destroy());
		await once(stream, "close");
		assert.equal(drain(consumer), jobs.slice(1));
	});

	regionTest(`reading ${kind} on "readable" releases each when the next is read`, async (region) => {
		const queue = filled(region);
		const stream = queue.consumer().readable(options);
		const depths: [string, number][] = [];
		stream.on("readable", () => {
			for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) {
				depths.push([String(chunk), region.stats().queues[0]?.depth ?? -1]);
			}
		});
		await once(stream, "end");
		assert.equal(
			depths,
			jobs.map((job, index) => [job, 10 - index]),
		);
	});

	regionTest(`cancelling a web stream of ${kind} leaves the rest in the queue`, async (region) => {
		const queue = filled(region);
		const consumer = queue.consumer();
		const node = consumer.readable(options);
		const reader = Readable.toWeb(node).getReader();
		for (const job of jobs.slice(0, 3)) {
			const { value } = await reader.read();
			assert.is(Buffer.from(value as Uint8Array).toString(), job);
		}
		await reader.cancel().catch(() => {});
		if (!node.closed) await once(node, "close");
		assert.equal(leftBy(consumer, queue), jobs.slice(2));
	});

	regionTest(`messages that arrive while a stream of ${kind} is destroyed are not lost`, async (region) => {
		const queue = region.queue("jobs");
		const producer = queue.producer();
		const consumer = queue.consumer();
		for (let round = 0; round < 200; round++) {
			const stream = consumer.readable(options);
			stream.resume();
			stream.on("data", () => assert.unreachable());
			await turn();
			producer.trySend(`job ${round}`);
			// After this many turns of promises, the message has not left yet, is on its way to the stream, or is there.
			for (let i = 0; i < round % 8; i++) await null;
			stream.destroy();
			assert.is((await consumer.receive())?.text(), `job ${round}`);
		}
	});
}

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
	test(`a reader that dies by ${signal} while it works on a chunk leaves that chunk and the rest in the queue`, async () => {
		using region = Region.temporary({ size: "8MiB" });
		const queue = filled(region);
		const script = `import { Region } from "${import.meta.resolve("dhmem")}";
			const consumer = Region.open("${region.name}").queue("jobs").consumer();
			for await (const chunk of consumer.readable()) {
				if (String(chunk) === "job 3") process.kill(process.pid, "${signal}");
			}`;
		const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
		await once(child, "exit");
		region.recover();
		assert.equal(drain(queue.consumer()), jobs.slice(2));
	});
}

regionTest(
	"with objectMode each chunk is one message: empty, small or larger than the ring",
	async (region) => {
		const messages = ["", "a", Buffer.alloc(3_000_000, "b").toString(), "", "ünï"];
		const chunks: unknown[] = [];
		for await (const chunk of filled(region, messages).consumer().readable({ objectMode: true })) {
			assert.instance(chunk, Buffer);
			chunks.push(String(chunk));
		}
		assert.equal(chunks, messages);
	},
);

regionTest("empty messages are invisible in a stream of bytes, and hold up nothing", async (region) => {
	const queue = filled(region, ["", "a", "", "", "b", ""]);
	assert.is(await text(queue.consumer().readable()), "ab");
	assert.is(region.stats().queues[0]?.depth, 0);
});

regionTest(
	"reads of any length take messages apart, and each is released when the last of it is taken",
	async (region) => {
		const queue = region.queue("small", { capacity: 256 });
		const producer = queue.producer();
		const consumer = queue.consumer();
		const sent = Array.from({ length: 500 }, (_, index) => String(index).repeat(1 + (index % 5)));
		const sending = (async () => {
			for (const each of sent) await producer.send(each);
			producer.end();
		})();
		const stream = consumer.readable();
		let received = "";
		stream.on("readable", () => {
			for (let turn = 0; ; turn++) {
				const chunk = stream.read(1 + (turn % 7)) ?? stream.read();
				if (chunk === null) break;
				received += chunk;
			}
		});
		await once(stream, "end");
		await sending;
		assert.is(received, sent.join(""));
		assert.is(region.stats().queues[0]?.depth, 0);
	},
);

regionTest(
	"a destroyed stream leaves the message of the last byte taken at most, and never less than the rest",
	async (region) => {
		const queue = region.queue("jobs");
		for (let round = 1; round < 60; round++) {
			const sent = Array.from({ length: 12 }, (_, index) =>
				`<${round}.${index}>`.padEnd(4 + ((index * round) % 9), "."),
			);
			const producer = queue.producer();
			for (const each of sent) producer.trySend(each);
			const consumer = queue.consumer();
			const stream = consumer.readable();
			let taken = "";
			while (taken.length < (3 * round) % 70) {
				const chunk = stream.read(1 + (taken.length % 5));
				if (chunk === null) await turn();
				else taken += chunk;
			}
			stream.destroy();
			const left = leftBy(consumer, queue);
			producer.close();
			const whole = sent.join("");
			assert.ok(whole.startsWith(taken));
			assert.equal(left, sent.slice(sent.length - left.length));
			assert.ok(left.join("").length >= whole.length - taken.length, "something that was not taken is gone");
		}
	},
);

regionTest("a stream of text releases a message when its last character is taken", async (region) => {
	const bytes = Buffer.from("größe 雪 😀 end");
	const queue = filled(
		region,
		Array.from(bytes, (_, index) => bytes.subarray(index, index + 1)),
	);
	const consumer = queue.consumer();
	const stream = consumer.readable().setEncoding("utf8");
	const taken: string[] = [];
	for await (const chunk of stream) {
		taken.push(chunk);
		if (chunk === "雪") break;
	}
	assert.is(taken.join(""), "größe 雪");
	consumer.close();
	using next = queue.consumer();
	// From the first byte of the last character on.
	assert.is(await text(next.readable()), "雪 😀 end");
});

regionTest("the encoding may be set when something was read already", async (region) => {
	const consumer = filled(region, ["größe", "雪"]).consumer();
	const stream = consumer.readable();
	await once(stream, "readable");
	stream.setEncoding("utf8");
	const chunks: unknown[] = [];
	for await (const chunk of stream) chunks.push(chunk);
	assert.is(chunks.join(""), "größe雪");
	assert.is(region.stats().queues[0]?.depth, 0);
});

regionTest(
	"with drop-oldest the same consumer receives again the messages that a stream had not reached",
	async (region) => {
		const queue = region.queue("news", { policy: "drop-oldest" });
		const producer = queue.producer();
		for (const job of jobs) producer.trySend(job);
		const consumer = queue.consumer();
		const before = region.stats().used;
		await take(consumer.readable({ objectMode: true }), 2);
		assert.equal(drain(consumer), jobs.slice(1));
		assert.ok(region.stats().used < before);
	},
);

regionTest(
	"the consumer's own timeout and signal hold for its streams, and a producer's for its",
	async (region) => {
		const queue = region.queue("slow", { capacity: 64 });
		const reason = new Error("enough");
		const aborter = new AbortController();
		const { signal } = aborter;
		const failureOf = (run: Promise<unknown>) =>
			run.then(
				() => undefined,
				(error: unknown) => error,
			);
		{
			using consumer = queue.consumer({ timeout: 1 });
			assert.is(await codeOfLater(text(consumer.readable())), "DHMEM_TIMEOUT");
		}
		using consumer = queue.consumer({ signal });
		using producer = queue.producer({ signal });
		const read = failureOf(text(consumer.readable()));
		await turn();
		aborter.abort(reason);
		assert.is(await read, reason);
		assert.is(await failureOf(pipeline(Readable.from(["a"]), producer.writable())), reason);
	},
);

for (const what of ["a consumer", "an input of one link", "an input of two links"] as const) {
	regionTest(
		`a message that arrives for a loop over ${what} that was left during its wait is received again`,
		async (region) => {
			const queue = region.queue("q");
			const producer = queue.producer();
			const consumer = queue.consumer();
			const links = what.endsWith("two links") ? [region.queue("other").consumer(), consumer] : [consumer];
			const receiver =
				what === "a consumer" ? consumer : new Input("in", links, new AbortController().signal);

			const iterator = receiver[Symbol.asyncIterator]();
			const waiting = iterator.next();
			await turn();
			await iterator.return?.();
			const next = receiver.receive();
			await producer.send("a");
			assert.is((await waiting).done, true);
			const message = await next;
			assert.is(message?.text(), "a");
			message?.release();
			assert.is((await iterator.next()).done, true);

			const stream = Readable.from(receiver);
			stream.resume();
			await turn();
			stream.destroy();
			await once(stream, "close");
			await producer.send("b");
			using again = await receiver.receive();
			assert.is(again?.text(), "b");

			const batches = receiver.batches(2);
			const batch = batches.next();
			await turn();
			const left = batches.return(undefined);
			const last = receiver.receive({ timeout: 20_000 });
			await producer.send("c");
			assert.is((await batch).done, true);
			await left;
			assert.is((await last)?.text(), "c");
		},
	);
}

regionTest("options of a readable are checked", (region) => {
	const consumer = region.queue("jobs").consumer();
	for (const options of [{ objectmode: true }, { objectMode: 1 }, 1, null] as object[]) {
		assert.is(errorOf(() => consumer.readable(options)).code, "DHMEM_BAD_ARGUMENT");
	}
});

test.run();
