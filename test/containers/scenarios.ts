/** What runs in the containers: `node scenarios.js SCENARIO [PARAMETER …]`. It prints lines of JSON. */
import { closeSync, openSync, readSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Region } from "dhmem";
import { SLOT_BYTES, SLOT_SLEEP, SLOTS, SLOTS_START } from "../../assembly/layout.js";
import { DhmemError } from "../../src/errors.js";
// Not the whole fixture, because there is no uvu in a container.
import { clock } from "../fixture/time.js";

const [scenario = "", ...parameters] = process.argv.slice(2);

function say(value: unknown): void {
	process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Options of regions that a group shares. */
const shared = { permissions: 0o660, size: "64MiB" } as const;

const scenarios: Record<string, (...parameters: string[]) => Promise<void> | void> = {
	/** Sends numbers, most in the ring and every tenth in a block, and ends the stream. */
	async send(count) {
		using region = Region.open("numbers", shared);
		const queue = region.queue("numbers", { capacity: "16KiB" });
		using producer = queue.producer();
		say({ pid: process.pid, user: process.getuid?.() });
		for (let number = 0; number < Number(count); ) {
			try {
				await producer.send(new Float64Array(number % 10 === 0 ? 4096 : 8).fill(number));
				number++;
			} catch (error) {
				// A killed receiver will be replaced.
				if (codeOf(error) !== "DHMEM_PEER_GONE") throw error;
				await queue.waitForPeer();
			}
		}
		producer.end();
	},
	/** Receives and checks them, and prints how many there were. */
	async receive() {
		using region = Region.open("numbers", shared);
		using consumer = region.queue("numbers", { capacity: "16KiB" }).consumer();
		say({ pid: process.pid, user: process.getuid?.() });
		let next = 0;
		for await (const message of consumer) {
			if (message.as("f64").some((number) => number !== next)) throw new Error(`Message ${next} is torn`);
			next++;
		}
		say(next);
	},
	/** Prints each number that it receives, then releases it; keeps the one at which it must stop. */
	async follow(stop) {
		using region = Region.open("numbers", shared);
		using consumer = region.queue("numbers", { capacity: "16KiB" }).consumer();
		for await (const message of consumer) {
			const number = message.as("f64")[0] as number;
			say(number);
			if (number === Number(stop)) await asleep(region);
		}
	},
	/** Makes the region, and keeps it open until it is killed. */
	async keep(permissions) {
		using region = Region.open("numbers", { ...shared, permissions: Number(permissions) });
		say("there");
		await asleep(region);
	},
	/** Holds a mutex until it is killed. */
	async hold() {
		using region = Region.open("numbers", shared);
		using _held = await region.mutex("mutex").lock();
		say("held");
		await asleep(region);
	},
	/** Waits for the mutex; prints when it got it, and whether its holder had died. */
	async lock() {
		using region = Region.open("numbers", shared);
		say("waiting");
		using held = await region.mutex("mutex").lock();
		say({ at: clock(), abandoned: held.abandoned });
	},
	/** Sends one number, and waits until it is killed. */
	async sendOne() {
		using region = Region.open("numbers", shared);
		using producer = region.queue("numbers", { capacity: "16KiB" }).producer();
		await producer.send(new Float64Array([1]));
		await asleep(region);
	},
	/** Waits for a second number, which never comes; prints when it learned that, and why. */
	async receiveTwo() {
		using region = Region.open("numbers", shared);
		using consumer = region.queue("numbers", { capacity: "16KiB" }).consumer();
		(await consumer.receive())?.release();
		say("waiting");
		try {
			await consumer.receive();
		} catch (error) {
			say({ at: clock(), code: codeOf(error) });
		}
	},
	/** Answers each question until it is killed. */
	async answer() {
		using region = Region.open("numbers", shared);
		using questions = region.queue("questions").consumer();
		using answers = region.queue("answers").producer();
		say("waiting");
		for await (const question of questions) {
			answers.trySend(question.bytes);
			question.release();
		}
	},
	/** Asks, prints how both have slept, which their slots say, and stays. */
	async ask(times) {
		using region = Region.open("numbers", shared);
		using questions = region.queue("questions").producer();
		using answers = region.queue("answers").consumer();
		for (let i = 0; i < Number(times); i++) {
			const answer = answers.receive({ timeout: 10_000 });
			// Both must sleep: this one, and, before the first question, the other.
			await sleep(20);
			questions.trySend(String(i));
			const message = await answer;
			if (message?.text() !== String(i)) throw new Error(`Answer ${i} is wrong`);
			message.release();
		}
		const slots = Buffer.alloc(SLOTS * SLOT_BYTES);
		const file = openSync(region.path, "r");
		readSync(file, slots, 0, slots.length, SLOTS_START);
		closeSync(file);
		const ways: Record<string, number> = {};
		for (const { slot, label } of region.stats().participants)
			ways[label] = slots.readUInt32LE(slot * SLOT_BYTES + SLOT_SLEEP);
		say(ways);
		await asleep(region);
	},
	/** Allocates a block in a region of this size, fills it, and prints the outcome. */
	fill(size, bytes) {
		try {
			using region = Region.open("numbers", { ...shared, size: size as "1GiB" });
			using block = region.allocate(Number(bytes));
			block.bytes.fill(1);
			say({ code: "nothing", message: "" });
		} catch (error) {
			if (!(error instanceof DhmemError)) throw error;
			const { code, message } = error;
			say({ code, message });
		}
	},
	/** Frees a block behind which another one is, allocates a larger one, and says how much has pages then. */
	refill(before, bytes) {
		using region = Region.open("numbers", { ...shared, size: "1GiB", trim: "never" });
		const first = region.allocate(Number(before));
		const behind = region.allocate(100_000);
		first.free();
		region.allocate(Number(bytes)).bytes.fill(1);
		say({ used: region.stats().used, committed: region.stats().committed, behind: behind.length });
	},
	/** Hands over a block, then allocates until the kernel kills it. */
	async swallow(bytes) {
		const region = Region.open("numbers", { mode: "open" });
		const block = region.allocate(Number(bytes));
		block.bytes.fill(7);
		await region.queue("kept").producer().send("", { block });
		for (;;) region.allocate(Number(bytes));
	},
	/** Opens a region, uses memory of it, and prints the outcome. */
	open(mode, bytes, permissions) {
		try {
			using region = Region.open("numbers", {
				mode: mode as "open" | "create",
				permissions: Number(permissions),
			});
			region.allocate(Number(bytes)).free();
			say({ code: "nothing", message: "" });
		} catch (error) {
			if (!(error instanceof DhmemError)) throw error;
			const { code, message } = error;
			say({ code, message });
		}
	},
};

/** Never resolves, and keeps the process alive. */
async function asleep(region: Region): Promise<void> {
	await region.queue("never").consumer().receive();
}

function codeOf(error: unknown): string {
	if (error instanceof DhmemError) return error.code;
	throw error;
}

await scenarios[scenario]?.(...parameters);
