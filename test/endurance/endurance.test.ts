/** Random traffic through queues, and a check of the checks. `npm run endurance` sends more. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eachInFolder } from "../fixture/index.js";
import { open } from "../queue/stage.js";
import { runModel } from "./model.js";
import { runPair } from "./pair.js";
import { paths } from "./paths.js";
import { Checker, Payloads, StreamChecker } from "./payload.js";

eachInFolder();

const seed = Number(process.env.DHMEM_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

for (const [capacity, steps] of [
	[64, 100_000],
	[256, 100_000],
	[4096, 100_000],
] as const) {
	test(`a queue of ${capacity} bytes does what a plain model of it does (seed ${seed})`, () => {
		const region = open();
		runModel({ sender: region, receiver: open(), capacity, steps, seed });
	});
}

for (const [path, { record, count, what }] of Object.entries(paths)) {
	if (record !== undefined) continue;
	test(`between processes: ${what}`, async () => {
		const result = await runPair(path, { count: count / 50, seed });
		assert.equal(result.errors, [], `seed ${seed}`);
		assert.is(result.messages, count / 50);
		// References to blocks are few bytes of the ring.
		if (path !== "large") assert.ok(result.passedLimit && result.laps > 5, `${result.laps} laps`);
		// What waits inside of a promise is not counted.
		if (path !== "unawaited" && path !== "streams")
			assert.ok(result.full + result.empty > 0, "nobody waited");
	});
}

for (const path of ["small", "blocks", "streams"]) {
	test(`between worker threads: ${paths[path]?.what}`, async () => {
		const result = await runPair(path, { count: 20_000, seed, threads: true });
		assert.equal(result.errors, [], `seed ${seed}`);
		assert.is(result.messages, 20_000);
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
	for (let index = 0; index < victim.length; index++) {
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
	// Of short ones too: whatever one is lost or repeated, the lengths and contents behind it tell.
	for (let index = 0; index < 1990; index++) {
		assert.ok(errorsIn(inOrder.toSpliced(index, 1)).length > 0, `${index} lost`);
		assert.ok(
			errorsIn(inOrder.toSpliced(index, 0, inOrder[index] as Uint8Array)).length > 0,
			`${index} twice`,
		);
	}
});

for (const fault of ["lose", "repeat", "tear"] as const) {
	test(`between processes, a producer that does ${fault} a message is found out`, async () => {
		for (const path of ["small", "held", "reserve", "blocks"]) {
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
