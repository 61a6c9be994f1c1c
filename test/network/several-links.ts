/** What inputs and outputs with several links promise, whatever carries those. */
import type { Message } from "dhmem";
import * as assert from "uvu/assert";
import { codeOfLater } from "../fixture/index.js";
import type { Tasks } from "../workflow/tasks.js";
import { pattern, textsOf } from "./contract-data.js";

const MIB = 2 ** 20;

/** @param row tests one thing, with tasks that have these links */
export function severalLinks(
	row: (title: string, links: string[], body: (tasks: Tasks) => Promise<void>) => void,
): void {
	row(
		"an output with several links sends to each; an input receives from all",
		["a.out>b.in", "a.out>c.in;transport=shm", "b.on>d.in;transport=shm", "c.on>d.in"],
		async (tasks) => {
			const output = tasks.get("a").output("out");
			const relays = ["b", "c"].map(async (name) => {
				const on = tasks.get(name).output("on");
				for await (const message of tasks.get(name).input("in"))
					await on.send(`${name} ${message.length} ${message.block?.length ?? 0}`);
				on.end();
			});
			await output.send("x");
			const block = await output.allocate(5000);
			await output.send("header", { block });
			await output.send(pattern(2 * MIB));
			output.end();
			const texts = await textsOf(tasks.get("d").input("in"));
			await Promise.all(relays);
			const wanted = ["b", "c"].flatMap((name) => [`${name} 1 0`, `${name} 6 5000`, `${name} ${2 * MIB} 0`]);
			assert.equal(texts.sort(), wanted.sort());
		},
	);

	// Beside the transport that is tested, memory carries one of the links: fan-in and fan-out may mix them.
	const BOTH = ["a.out>c.in", "b.out>c.in;transport=shm"];

	row("of several links, each keeps its order, and the input ends after all of them", BOTH, async (tasks) => {
		const sending = ["a", "b"].map(async (name) => {
			const output = tasks.get(name).output("out");
			for (let i = 0; i < 100; i++) await output.send(`${name} ${i}`);
			output.end();
		});
		const texts = await textsOf(tasks.get("c").input("in"));
		await Promise.all(sending);
		for (const name of ["a", "b"]) {
			const wanted = Array.from({ length: 100 }, (_, i) => `${name} ${i}`);
			const own = texts.filter((text) => text.startsWith(name));
			assert.equal(own, wanted);
		}
	});

	row(
		"an input with several links waits for all, and ends by its timeout or its signal",
		BOTH,
		async (tasks) => {
			const input = tasks.get("c").input("in");
			assert.is(await codeOfLater(input.receive({ timeout: 30 })), "DHMEM_TIMEOUT");
			const reason = new Error("enough");
			const controller = new AbortController();
			const waiting = input.receive({ signal: controller.signal }).catch((error) => error);
			controller.abort(reason);
			assert.is(await waiting, reason);
			tasks.get("a").output("out").end();
			const later = input.receive();
			await tasks.get("b").output("out").send("later");
			assert.is((await later)?.text(), "later");
		},
	);

	row("what is not released comes again from each of several links", BOTH, async (tasks) => {
		for (const name of ["a", "b"])
			for (const text of ["one", "two"]) await tasks.get(name).output("out").send(`${name} ${text}`);
		const input = tasks.get("c").input("in");
		const messages: (Message | undefined)[] = [];
		for (let i = 0; i < 4; i++) messages.push(await input.receive());
		for (const message of messages) if (message?.text().endsWith("one")) message.release();
		await tasks.leave("c");
		for (const name of ["a", "b"]) tasks.get(name).output("out").end();
		const texts = await textsOf(tasks.get("c").input("in"));
		assert.equal(texts.sort(), ["a two", "b two"]);
	});

	row(
		"an output with several links is held back by the one that is full",
		["a.out>b.in;capacity=65536", "a.out>c.in;transport=shm;capacity=65536"],
		async (tasks) => {
			const output = tasks.get("a").output("out");
			const receive = (name: string) => textsOf(tasks.get(name).input("in"));
			const quick = receive("c");
			let sent = 0;
			while ((await codeOfLater(output.send(pattern(9000), { timeout: 1000 }))) === "nothing") sent++;
			assert.ok(sent >= 2 && sent <= 7, `${sent} messages of 9000 bytes`);
			const last = output.send("the last").then(() => output.end());
			const slow = await receive("b");
			await last;
			assert.is(slow.at(-1), "the last");
			assert.is((await quick).at(-1), "the last");
		},
	);
}
