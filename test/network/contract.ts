/** What every transport promises. The same rows are tested with each of them. */

import { type Block, type Message, Region } from "dhmem";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, codeOfLater, PATIENCE, within } from "../fixture/index.js";
import { Tasks } from "../workflow/tasks.js";
import { isSame, pattern, textsOf } from "./contract-data.js";
import { severalLinks } from "./several-links.js";

const MIB = 2 ** 20;

/**
 * @param variables for the environment of the tasks, which choose the transport
 * @param prepare does what a runner does for a run of this name before its tasks start
 */
export function contract(
	name: string,
	variables: () => NodeJS.ProcessEnv,
	prepare: (run: string) => Promise<void> = async () => {},
	after: () => Promise<void> | void = () => {},
): void {
	const test = suite(name);
	test.after(after);
	const row = (title: string, links: string[], body: (tasks: Tasks) => Promise<void>) =>
		test(title, async () => {
			await using tasks = new Tasks(links, variables());
			await prepare(tasks.run);
			try {
				await within(PATIENCE, title, body(tasks));
			} catch (error) {
				// Now, since what the body has left pending fails when the tasks leave, and may end this process.
				console.error(error);
				throw error;
			}
		});

	row("messages arrive in order, each once", ["a.out>b.in"], async (tasks) => {
		const output = tasks.get("a").output("out");
		const sends = Array.from({ length: 1000 }, (_, i) => output.send(Uint32Array.of(i)));
		let next = 0;
		const receiving = (async () => {
			for await (const message of tasks.get("b").input("in")) assert.is(message.as("u32")[0], next++);
		})();
		await Promise.all(sends);
		output.end();
		await receiving;
		assert.is(next, 1000);
	});

	for (const size of [0, 1, 100, MIB - 1025, MIB - 1024, MIB - 1023, MIB, 3 * MIB + 1]) {
		row(`a message of ${size} bytes arrives as it was sent`, ["a.out>b.in"], async (tasks) => {
			const bytes = pattern(size);
			const sent = tasks.get("a").output("out").send(bytes);
			using message = await tasks.get("b").input("in").receive();
			await sent;
			assert.is(message?.length, size);
			assert.ok(isSame(message?.bytes, bytes));
			assert.is(message?.block, undefined);
		});
	}

	for (const [what, data] of [
		["alone", ""],
		["with data", "a header"],
	] as const) {
		row(`a block arrives ${what}, and can be taken`, ["a.out>b.in"], async (tasks) => {
			const output = tasks.get("a").output("out");
			const block = await output.allocate(2 * MIB + 5);
			block.bytes.set(pattern(block.length));
			const sent = output.send(data, { block });
			const message = await tasks.get("b").input("in").receive();
			await sent;
			assert.is(
				codeOf(() => block.bytes),
				"DHMEM_CLOSED",
			);
			assert.is(message?.text(), data);
			assert.ok(isSame(message?.block?.bytes, pattern(2 * MIB + 5)));
			const taken = message?.take();
			assert.ok(isSame(taken?.bytes, pattern(2 * MIB + 5)));
			assert.ok(message?.released);
			assert.is(
				codeOf(() => message?.bytes),
				"DHMEM_CLOSED",
			);
			taken?.free();
		});
	}

	row("what can't be sent is refused, and nothing of it arrives", ["a.out>b.in"], async (tasks) => {
		const output = tasks.get("a").output("out");
		using other = Region.temporary();
		const foreign = other.allocate(10);
		const wrong = async (data: Uint8Array, block?: unknown) =>
			output.send(data, { block: block as Block | undefined }).catch(({ code }) => code);
		assert.is(await wrong(pattern(1), 5), "DHMEM_BAD_ARGUMENT");
		assert.is(await wrong(pattern(1), foreign), "DHMEM_BAD_ARGUMENT");
		assert.is(await wrong(new Uint8Array(65 * MIB)), "DHMEM_MESSAGE_TOO_LARGE");
		await output.send("right");
		assert.is((await tasks.get("b").input("in").receive())?.text(), "right");
		foreign.free();
	});

	row(
		"a block is sent once, though two calls get it, and it is freed meanwhile",
		["a.out>b.in"],
		async (tasks) => {
			const output = tasks.get("a").output("out");
			const block = await output.allocate(1000);
			block.bytes.set(pattern(1000));
			const sends = ["one", "two"].map((text) => output.send(text, { block }).catch(({ code }) => code));
			assert.match(codeOf(() => block.free()) ?? "", /DHMEM_(BAD_ARGUMENT|DOUBLE_FREE)/);
			assert.match(String((await Promise.all(sends))[1]), /DHMEM_(BAD_ARGUMENT|CLOSED)/);
			await output.send("three");
			const input = tasks.get("b").input("in");
			const first = await input.receive();
			assert.ok(isSame(first?.block?.bytes, pattern(1000)));
			assert.is((await input.receive())?.text(), "three");
		},
	);

	row("a large message can be taken as a block, and a small one can't", ["a.out>b.in"], async (tasks) => {
		const output = tasks.get("a").output("out");
		const sends = [output.send("small"), output.send(pattern(2 * MIB))];
		const input = tasks.get("b").input("in");
		const small = await input.receive();
		assert.is(
			codeOf(() => small?.take()),
			"DHMEM_BAD_ARGUMENT",
		);
		small?.release();
		using taken = (await input.receive())?.take();
		await Promise.all(sends);
		assert.ok(isSame(taken?.bytes, pattern(2 * MIB)));
	});

	row("views of a message are valid until it is released", ["a.out>b.in"], async (tasks) => {
		await tasks.get("a").output("out").send(Float64Array.of(1.5, 2.5));
		const message = await tasks.get("b").input("in").receive();
		assert.equal([...(message?.as("f64") ?? [])], [1.5, 2.5]);
		message?.release();
		message?.release();
		assert.is(
			codeOf(() => message?.bytes),
			"DHMEM_CLOSED",
		);
	});

	row("an input ends after everything that was sent, and stays ended", ["a.out>b.in"], async (tasks) => {
		const output = tasks.get("a").output("out");
		for (const text of ["one", "two"]) await output.send(text);
		output.end();
		output.end();
		assert.is(await codeOfLater(output.send("three")), "DHMEM_QUEUE_ENDED");
		await tasks.leave("a");
		const input = tasks.get("b").input("in");
		assert.not(input.ended);
		assert.equal(await textsOf(input), ["one", "two"]);
		assert.ok(input.ended);
		assert.is(await input.receive(), undefined);
		assert.is(input.tryReceive(), undefined);
	});

	row(
		"a full link holds a sender back until messages are released",
		["a.out>b.in;capacity=65536"],
		async (tasks) => {
			const output = tasks.get("a").output("out");
			let sent = 0;
			let late: string = "nothing";
			while (late === "nothing" && sent < 100) {
				late = await codeOfLater(output.send(pattern(4000 + sent), { timeout: 1000 }));
				if (late === "nothing") sent++;
			}
			assert.is(late, "DHMEM_TIMEOUT");
			assert.ok(sent >= 4 && sent <= 16, `${sent} messages of 4000 bytes`);
			const reason = new Error("enough");
			const controller = new AbortController();
			const aborted = output.send(pattern(4000), { signal: controller.signal }).catch((error) => error);
			controller.abort(reason);
			assert.is(await aborted, reason);
			const waiting = output.send("the last").then(() => output.end());
			const lengths: number[] = [];
			for await (const message of tasks.get("b").input("in")) lengths.push(message.length);
			await waiting;
			assert.equal(lengths, [...Array.from({ length: sent }, (_, i) => 4000 + i), "the last".length]);
		},
	);

	row("a receive ends by its timeout or its signal", ["a.out>b.in"], async (tasks) => {
		const input = tasks.get("b").input("in");
		assert.is(await codeOfLater(input.receive({ timeout: 30 })), "DHMEM_TIMEOUT");
		assert.is(await codeOfLater(input.receive({ timeout: 0 })), "DHMEM_TIMEOUT");
		const reason = new Error("enough");
		const controller = new AbortController();
		const waiting = input.receive({ signal: controller.signal }).catch((error) => error);
		controller.abort(reason);
		assert.is(await waiting, reason);
		await tasks.get("a").output("out").send("later");
		assert.is((await input.receive())?.text(), "later");
	});

	row("receives are served in their order", ["a.out>b.in"], async (tasks) => {
		const input = tasks.get("b").input("in");
		const waiting = Array.from({ length: 5 }, () => input.receive());
		const output = tasks.get("a").output("out");
		for (let i = 0; i < 5; i++) await output.send(String(i));
		const texts = (await Promise.all(waiting)).map((message) => message?.text());
		assert.equal(texts, ["0", "1", "2", "3", "4"]);
	});

	row("what is not released comes again to the next receiver, in order", ["a.out>b.in"], async (tasks) => {
		const output = tasks.get("a").output("out");
		for (let i = 0; i < 6; i++) await output.send(String(i));
		const input = tasks.get("b").input("in");
		const messages: (Message | undefined)[] = [];
		for (let i = 0; i < 4; i++) messages.push(await input.receive());
		messages[0]?.release();
		messages[2]?.release();
		await tasks.leave("b");
		assert.is(
			codeOf(() => messages[1]?.bytes),
			"DHMEM_CLOSED",
		);
		output.end();
		assert.equal(await textsOf(tasks.get("b").input("in")), ["1", "3", "4", "5"]);
	});

	row("a loop that is left gives back what it did not take", ["a.out>b.in"], async (tasks) => {
		const output = tasks.get("a").output("out");
		for (let i = 0; i < 6; i++) await output.send(String(i));
		output.end();
		const input = tasks.get("b").input("in");
		const held: Message[] = [];
		for await (const message of input) {
			held.push(message);
			break;
		}
		assert.is(held[0]?.text(), "0");
		const sizes: number[] = [];
		for await (const batch of input.batches(2)) sizes.push(batch.length);
		assert.is(
			sizes.reduce((sum, size) => sum + size, 0),
			5,
		);
	});

	row("a waiting receiver goes on with the sender's successor", ["a.out>b.in"], async (tasks) => {
		await tasks.get("a").output("out").send("first");
		await tasks.leave("a");
		const input = tasks.get("b").input("in");
		assert.is((await input.receive())?.text(), "first");
		const waiting = input.receive();
		await tasks.get("a").output("out").send("second");
		assert.is((await waiting)?.text(), "second");
	});

	severalLinks(row);

	row(
		"policy latest keeps the newest message, and the sender never waits",
		["a.out>b.in;policy=latest"],
		async (tasks) => {
			const output = tasks.get("a").output("out");
			for (let i = 0; i < 200; i++) await output.send(String(i));
			output.end();
			await tasks.leave("a");
			assert.equal(await textsOf(tasks.get("b").input("in")), ["199"]);
		},
	);

	row(
		"policy drop-oldest keeps the newest messages",
		["a.out>b.in;policy=drop-oldest;keep=3"],
		async (tasks) => {
			const output = tasks.get("a").output("out");
			for (let i = 0; i < 200; i++) await output.send(String(i));
			output.end();
			await tasks.leave("a");
			assert.equal(await textsOf(tasks.get("b").input("in")), ["197", "198", "199"]);
		},
	);

	row("closing a task ends its waits", ["a.out>b.in"], async (tasks) => {
		const waiting = codeOfLater(tasks.get("b").input("in").receive());
		await tasks.leave("b");
		assert.is(await waiting, "DHMEM_CLOSED");
	});

	test.run();
}
