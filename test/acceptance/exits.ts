/** However a process ends, the region keeps its name while others are in it. */
import { existsSync, statSync } from "node:fs";
import { Region } from "dhmem";
import * as assert from "uvu/assert";
import { Child, codeOf, type Scenario, serve } from "../fixture/index.js";
import { inFolder, type Row } from "./row.js";

const LIFETIMES = ["persistent", "last-close"] as const;
const ENDS = ["SIGKILL", "close", "throw", "exit", "return", "SIGTERM"] as const;
type End = (typeof ENDS)[number];

const member: Scenario = async (talk, directory, lifetime) => {
	const options = { directory, lifetime: lifetime as (typeof LIFETIMES)[number] };
	const region = Region.open("region", options);
	region.struct("seen", { by: "u32" }).by = process.pid;
	talk.say("in");
	const end = (await talk.hear()) as End;
	if (end === "close") region.close();
	else if (end === "exit") process.exit(0);
	else if (end === "throw") throw new Error("as it was told");
	else if (end !== "return") process.kill(process.pid, end);
};

async function joined(directory: string, lifetime: string): Promise<Child> {
	const child = new Child(import.meta.url, "member", [directory, lifetime]);
	assert.is(await child.hear(), "in");
	return child;
}

async function turn(directory: string, lifetime: (typeof LIFETIMES)[number], end: End): Promise<void> {
	const what = `${lifetime}, ${end}`;
	const open = { mode: "open", directory } as const;
	const first = Region.open("region", { mode: "create", directory, lifetime, size: "1MiB" });
	const { path } = first;
	try {
		const { ino } = statSync(path);
		const leaving = await joined(directory, lifetime);
		leaving.say(end);
		await leaving.ended;
		assert.is(statSync(path).ino, ino, `${what}: the name under the others`);
		{
			using again = Region.open("region", open);
			assert.is(again.struct("seen", { by: "u32" }).by, leaving.pid, what);
		}
		const last = await joined(directory, lifetime);
		first.close();
		assert.is(statSync(path).ino, ino, `${what}: the name under the last one`);
		last.say(end);
		await last.ended;
		if (lifetime === "persistent") {
			assert.is(statSync(path).ino, ino, what);
			assert.equal(Region.list({ directory }), ["region"]);
			Region.unlink("region", { directory });
			return;
		}
		// If it could not leave by itself, the next process that looks finds that nobody is in it.
		if (end === "close") assert.not(existsSync(path), what);
		assert.is(
			codeOf(() => Region.open("region", open)),
			"DHMEM_NOT_FOUND",
			what,
		);
		assert.not(existsSync(path), what);
	} finally {
		first.close();
	}
}

async function run(count: number): Promise<string[]> {
	await inFolder(async (directory) => {
		for (let index = 0; index < count; index++) {
			const lifetime = LIFETIMES[index % LIFETIMES.length] ?? "persistent";
			await turn(directory, lifetime, ENDS[(index >> 1) % ENDS.length] ?? "close");
		}
	});
	return [`${count} regions, which saw ${2 * count} processes end, in turn by ${ENDS.join(", ")}`];
}

export const exits: Row = {
	title: "a region keeps its name while anybody is in it, and last-close goes with the last",
	unit: "regions",
	full: 120,
	short: 4,
	run,
};

serve(import.meta.url, { member });
