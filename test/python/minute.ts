/**
 * Two processes in each of Node, C and Python exchange messages through one region, in every direction between the
 * languages, while they are killed at random: `node dist/test/python/minute.js [SECONDS [SEED]]`, 60 seconds by default.
 *
 * DHMEM_C_PEER and DHMEM_PYTHON_PEER are the programs in C and Python. The control leaves out a message in Node: the
 * others must miss it.
 */
import { rmSync } from "node:fs";
import { Region } from "dhmem";
import { exchangeWhileKilled } from "../c/chaos.js";
import { temporaryFolder } from "../fixture/index.js";

/** Each sends to the one before it, so that each language sends to each other one. */
const languages = ["Node", "C", "Python", "Node", "Python", "C"] as const;

async function run(seconds: number, seed: number, lose?: number) {
	const directory = temporaryFolder();
	try {
		using region = Region.open("minute", { directory, size: "64MiB" });
		return await exchangeWhileKilled(region, { languages, seconds, seed, ...(lose && { lose }) });
	} finally {
		rmSync(directory, { recursive: true });
	}
}

const [seconds = 60, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number);
// For as long as it takes to find.
const control = await run(300, seed, 20);
const isFound = control.failures.some((failure) => String(failure).includes("wrong: 21 after 19"));
console.log(isFound ? "a lost message is found" : `a lost message is not found: ${control.failures}`);
if (!isFound) process.exitCode = 1;
const { failures, account } = await run(seconds, seed);
console.log(`Node, C and Python for ${seconds} s, seed ${seed}: ${account}`);
if (failures.length > 0) {
	console.error("These are wrong:", failures);
	process.exitCode = 1;
}
process.exit();
