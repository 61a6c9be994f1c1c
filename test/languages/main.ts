/**
 * Two processes in each of Node, C, Python, Go, Rust, Deno and Bun exchange messages through one region while they are killed
 * at random: `node dist/test/languages/main.js [SECONDS [SEED]]`, 60 seconds by default. scripts/test-languages.sh builds the
 * programs and runs this.
 *
 * Before that, the controls: each language leaves out a message, changes one, and changes a block, and the one that receives
 * it must notice.
 */
import { rmSync } from "node:fs";
import { Region } from "dhmem";
import { Random } from "../../conformance/traces/random.js";
import { exchangeSpoilt, exchangeWhileKilled, type Fault, type Language } from "../c/chaos.js";
import { temporaryFolder } from "../fixture/index.js";

/** In an order of the seed: a ring of languages, each of which sends to both of its neighbours. */
function ringOf(seed: number): Language[] {
	const languages: Language[] = ["Node", "C", "Python", "Go", "Rust", "Deno", "Bun"];
	const random = new Random(seed);
	for (let left = languages.length; left > 1; left--) {
		const [language] = languages.splice(random.below(left), 1) as [Language];
		languages.push(language);
	}
	return languages;
}

async function inRegion<T>(use: (region: Region) => Promise<T>): Promise<T> {
	const directory = temporaryFolder();
	try {
		using region = Region.open("languages", { directory, size: "64MiB" });
		return await use(region);
	} finally {
		rmSync(directory, { recursive: true });
	}
}

/** Fails unless every process says what it must of the messages of the one behind it. */
async function control(ring: Language[], what: string, fault: Fault, wrong: string): Promise<void> {
	const said = await inRegion((region) => exchangeSpoilt(region, ring, fault));
	const blind = said.flatMap((text, index) =>
		text.includes(wrong)
			? []
			: [`${ring[index]} says of ${ring[(index + 1) % ring.length]} "${text}", not "${wrong}"`],
	);
	console.log(`${what}: noticed by ${said.length - blind.length} of ${said.length} languages`);
	if (blind.length > 0) throw new Error(blind.join("; "));
}

const [seconds = 60, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number);
const ring = ringOf(seed);
await control(ring, "a message that was left out", { lost: 20 }, "wrong: 21 after 19");
await control(ring, "a message that was changed", { changed: 20 }, "wrong: 20 after 19");
await control(ring, "a block that was changed", { changed: 21 }, "wrong: 21 after 20");

const [first, ...others] = ring as [Language, ...Language[]];
const languages = [first, ...others, first, ...others.reverse()];
const { failures, account } = await inRegion((region) =>
	exchangeWhileKilled(region, { languages, seconds, seed }),
);
console.log(`${seconds} s, seed ${seed}, the ring ${ring.join(", ")}\n${account}`);
if (failures.length > 0) {
	console.error("These are wrong:", failures);
	process.exitCode = 1;
}
process.exit();
