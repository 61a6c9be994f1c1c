/**
 * Asks a program in another runtime, through a region: `node dist/test/embed/ask.js COMMAND…`. The command gets the region's name as
 * its last argument, and answers as its answer.* says. Checks each answer, and what is left in the region.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type Block, Region } from "dhmem";

const [program = "", ...parameters] = process.argv.slice(2);
const ROUNDS = 300;

using region = Region.open(`ask-${randomUUID()}`, { size: "64MiB", lifetime: "last-close" });
const questions = region.queue("questions", { capacity: "16KiB" }).producer();
const answers = region.queue("answers", { capacity: "16KiB" }).consumer();
const { used } = region.stats();

const child = spawn(program, [...parameters, region.name], { stdio: ["ignore", "inherit", "inherit"] });
const exited = once(child, "exit");

async function ask() {
	for (let round = 0; round < ROUNDS; round++) {
		if (round % 3 === 0) {
			const block = region.allocate(8000);
			block.as("f64").forEach((_, index, numbers) => {
				numbers[index] = round + index;
			});
			await questions.send(`block ${round}`, { block });
		} else await questions.send(textOf(round));
	}
	await questions.end();
}

/** Every seventh is larger than half the ring, so it travels in a block. */
function textOf(round: number): string {
	return `question ${round} `.repeat(round % 7 === 0 ? 1000 : 1);
}

async function check() {
	let round = 0;
	for await (const message of answers) {
		if (round % 3 === 0) {
			assert.equal(message.text(), String(1000 * round + 499_500), `round ${round}`);
			assert.deepEqual(
				[...(message.block as Block).as("f64").subarray(0, 3)],
				[0, 1, 2].map((index) => 2 * (round + index)),
			);
		} else assert.equal(message.text(), textOf(round).toUpperCase(), `round ${round}`);
		round++;
	}
	assert.equal(round, ROUNDS);
}

await Promise.all([ask(), check()]);
const [code, signal] = await exited;
assert.equal(code ?? signal, 0);
questions.close();
answers.close();
assert.equal(region.stats().participants.length, 1);
assert.equal(region.stats().used, used, "every block has come back");
console.log(`${ROUNDS} questions answered`);
