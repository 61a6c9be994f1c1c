/** Another process's side of `bulk.test.ts`. */
import { Region } from "dhmem";
import { loadBlock, serve, type Talk } from "../fixture/index.js";
import { checkStamp } from "./bulk-rounds.js";

/** Takes the blocks from one queue, checks and changes them, and sends them back through another. */
async function echo(_: Talk, name: string): Promise<void> {
	using region = Region.open(name, { mode: "open" });
	using back = region.queue("back").producer();
	for await (const message of region.queue("there").consumer()) {
		const text = message.text();
		const block = message.take();
		block.writeUInt8(block.readUInt8(block.length - 1) + 1, 0);
		await back.send(text, { block });
	}
	back.end();
}

/** Sends each block back as it came, until it is killed. */
async function bounce(talk: Talk, name: string): Promise<void> {
	using region = Region.open(name, { mode: "open" });
	using back = region.queue("back").producer();
	using there = region.queue("there").consumer();
	talk.say("ready");
	for await (const message of there) await back.send(message.text(), { block: message.take() });
}

/** Takes a block and a clone of it, and waits to be killed. */
async function hold(talk: Talk, name: string): Promise<void> {
	using region = Region.open(name, { mode: "open" });
	using consumer = region.queue("there").consumer();
	const message = await consumer.receive();
	const block = message?.take();
	const kept = [block, block?.clone(), region.allocate(9 * 2 ** 20)];
	talk.say(kept.length);
	await talk.hear();
}

/** Checks each block, clones it at times, and sends it back, until it is killed. */
async function pass(_: Talk, name: string, index: string): Promise<void> {
	using region = Region.open(name, { mode: "open" });
	using back = region.queue(`back ${index}`).producer();
	for await (const message of region.queue(`there ${index}`).consumer()) {
		const number = Number(message.text());
		const block = message.take();
		const sent = number % 3 === 0 ? block.clone() : block;
		checkStamp(sent, number);
		if (sent !== block) block.free();
		await back.send(`${number}`, { block: sent });
	}
}

/** What a reader finds in a saved block and in an array. */
function read(talk: Talk, name: string, token: string): void {
	using region = Region.open(name, { mode: "read-only" });
	const block = loadBlock(region, token);
	const array = region.array("field", { dtype: "f64" });
	talk.say([block.readUInt8(block.length - 1), array.get(1_999_999), region.size]);
}

serve(import.meta.url, { bounce, echo, hold, pass, read });
