/** Files that were planted in place of a region: opening one is DHMEM_FORMAT at once. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Region } from "dhmem";
import * as assert from "uvu/assert";
import { clock, codeOf, randomFrom, type Scenario, serve } from "../fixture/index.js";
import { type Conditions, hear, inFolder, type Row, start } from "./row.js";

/** Milliseconds. */
const AT_ONCE = 1000;

interface Opened {
	code: string;
	milliseconds: number;
}

/** Opens the files that it is told to, and reports the outcome. */
const opener: Scenario = async (talk, directory) => {
	for (;;) {
		const name = (await talk.hear()) as string;
		for (const mode of ["open", "open-or-create"] as const) {
			const began = clock();
			const code = codeOf(() => Region.open(name, { directory, mode }).close());
			talk.say({ code, milliseconds: clock() - began });
		}
	}
};

async function run(count: number, { seed, timed }: Conditions): Promise<string[]> {
	return inFolder(async (directory) => {
		Region.open("whole", { directory, size: "1MiB" }).close();
		const whole = readFileSync(join(directory, "whole.dhmem"));
		const random = randomFrom(seed);
		const noise = (length: number) => Buffer.from(Uint8Array.from({ length }, () => random(256)));
		const planted = [
			...[0, 1, 8, 63, 64, 4096, 65_536, whole.length - 1].map((length) => whole.subarray(0, length)),
			Buffer.alloc(whole.length),
			noise(whole.length),
			Buffer.concat([whole, Buffer.alloc(1)]),
		];
		while (planted.length < count) planted.push(noise(random(8192)));
		const child = start(import.meta.url, "opener", directory);
		const times: number[] = [];
		for (const [index, bytes] of planted.entries()) {
			writeFileSync(join(directory, "planted.dhmem"), bytes);
			child.say("planted");
			for (let mode = 0; mode < 2; mode++) {
				const { code, milliseconds } = await hear<Opened>(child);
				assert.is(code, "DHMEM_FORMAT", `file ${index} of seed ${seed}, of ${bytes.length} bytes`);
				times.push(milliseconds);
			}
			assert.equal(readFileSync(join(directory, "planted.dhmem")), bytes, "it is left as it was");
		}
		// The control: the complete file opens.
		writeFileSync(join(directory, "planted.dhmem"), whole);
		child.say("planted");
		for (let mode = 0; mode < 2; mode++) assert.is((await hear<Opened>(child)).code, "nothing");
		await child.kill();
		const slowest = Math.max(...times);
		if (timed) assert.ok(slowest < AT_ONCE, `took ${slowest} ms`);
		return [`${planted.length} files, each opened in two modes; the slowest took ${slowest.toFixed(1)} ms`];
	});
}

export const planted: Row = {
	title: "an empty, half-made or random file in a region's place is DHMEM_FORMAT at once",
	unit: "files",
	full: 1000,
	short: 30,
	run,
};

serve(import.meta.url, { opener });
