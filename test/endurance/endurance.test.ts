/** Random traffic through queues, and a check of the checks. `npm run endurance` sends more. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { count, eachInFolder, some } from "../fixture/index.js";
import { open } from "../queue/stage.js";
import { runModel } from "./model.js";
import { runPair } from "./pair.js";
import { paths } from "./paths.js";
import { Checker, Payloads, StreamChecker } from "./payload.js";

eachInFolder();

const seed = Number(process.env.DHMEM_TEST_SEED ?? 1);

for (const [capacity, steps] of [
	[64, count(10_000, 100_000)],
	[256, count(10_000, 100_000)],
	[4096, count(10_000, 100_000)],
] as const) {
	test(`a queue of ${capacity} bytes does what a plain model of it does (seed ${seed})`, () => {
		const region = open();
		runModel({ sender: region, receiver: open(), capacity, steps, seed });
	});
}

const ofMessages = Object.entries(paths).filter(([, { record }]) => record === undefined);
for (const [path, { count: full, what }] of some(ofMessages, 4)) {
	test(`between processes: ${what}`, async () => {
		const messages = full / count(200, 50);
		const result = await runPair(path, { count: messages, seed });
		assert.equal(result.errors, [], `seed ${seed}`);
		assert.is(result.messages, messages);
		// References to blocks take only a few bytes of the ring.
		if (path !== "large") assert.ok(result.passedLimit && result.laps > 5, `${result.laps} laps`);
		// Waits inside of a promise are not counted.
		if (path !== "unawaited" && path !== "streams")
			assert.ok(result.full + result.empty > 0, "nobody waited");
	});
}

for (const path of some(["small", "blocks", "streams"], 3, 2)) {
	test(`between worker threads: ${paths[path]?.what}`, async () => {
		const messages = count(2000, 20_000);
		const result = await runPair(path, { count: messages, seed, threads: true });
		assert.equal(result.errors, [], `seed ${seed}`);
		assert.is(result.messages, messages);
	});
}

test("the check finds a flipped bit, a lost, a repeated, a swapped and a cut-off message", () => {
	const payloads = new Payloads(1, 1024);
	const inOrder = Array.from({ length: 2000 }, (_, sequence): Uint8Array => payloads.bytes(sequence).slice());
	const errorsIn = (messages: Uint8Array[]): string[] => {
		const checker = new Checker(payloads);
		for (const message of messages) checker.check(message);
		checker.finish(2000);
		return checker.errors;
	};
	assert.equal(errorsIn(inOrder), []);
	const at = inOrder.findIndex((message, index) => index > 500 && message.length > 100);
	const victim = inOrder[at] as Uint8Array;
	for (let index = 0; index < victim.length; index += count(7, 1)) {
		const flipped = victim.slice();
		flipped[index] = (flipped[index] as number) ^ (1 << (index % 8));
		assert.match(
			errorsIn(inOrder.with(at, flipped)).join(),
			`message ${at} of ${victim.length} bytes is torn`,
		);
	}
	assert.match(errorsIn(inOrder.toSpliced(at, 1)).join(), `${at + 1} came when ${at} was due: lost`);
	assert.match(
		errorsIn(inOrder.toSpliced(at, 0, victim)).join(),
		`${at} came when ${at + 1} was due: repeated`,
	);
	assert.match(errorsIn(inOrder.with(at, victim.subarray(1))).join(), `message ${at} has`);
	assert.match(errorsIn(inOrder.slice(0, -1)).join(), "1999 of 2000 messages came");
	assert.ok(errorsIn(inOrder.with(at, inOrder[at - 1] as Uint8Array).with(at - 1, victim)).length > 0);
	// Short ones too: whichever is lost or repeated, the lengths and contents of the following ones show it.
	for (let index = 0; index < 1990; index += count(7, 1)) {
		assert.ok(errorsIn(inOrder.toSpliced(index, 1)).length > 0, `${index} lost`);
		assert.ok(
			errorsIn(inOrder.toSpliced(index, 0, inOrder[index] as Uint8Array)).length > 0,
			`${index} twice`,
		);
	}
});

for (const [index, fault] of (["lose", "repeat", "tear"] as const).entries()) {
	test(`between processes, a producer that does ${fault} a message is detected`, async () => {
		for (const path of some(["small", "held", "reserve", "blocks"], 4, index)) {
			const result = await runPair(path, { count: 2001, seed, fault });
			assert.ok(result.errors.length > 0, `${path}, seed ${seed}`);
			assert.match(result.errors.join(), /message 1?\d{3} /);
		}
	});
}

test("the check of streams finds a flipped bit, a lost and a repeated byte", () => {
	const payloads = new Payloads(2, 200_000);
	const whole = Buffer.concat(Array.from({ length: 50 }, (_, sequence) => payloads.bytes(sequence).slice()));
	const errorsIn = (bytes: Buffer): string[] => {
		const checker = new StreamChecker(payloads);
		for (let at = 0; at < bytes.length; at += 1000) checker.check(bytes.subarray(at, at + 1000));
		checker.finish(50);
		return checker.errors;
	};
	assert.equal(errorsIn(whole), []);
	const middle = whole.length >> 1;
	const flipped = Buffer.from(whole);
	flipped[middle] = (flipped[middle] as number) ^ 4;
	assert.ok(errorsIn(flipped).length > 0);
	for (const [to, from] of [
		[middle, middle + 1],
		[middle + 1, middle],
	] as const) {
		assert.ok(errorsIn(Buffer.concat([whole.subarray(0, to), whole.subarray(from)])).length > 0);
	}
	assert.ok(errorsIn(whole.subarray(0, -1)).length > 0);
});

test.run();
