/** Text that others have chosen never reaches a terminal with control characters in it. */
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { promisify } from "node:util";
import { DhmemError, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findFacts } from "../../src/doctor/facts.js";
import { meet } from "../../src/doctor/peer.js";
import { escapeControls, toJson } from "../../src/terminal/escape.js";
import { table } from "../../src/terminal/table.js";
import { DHMEM, errorOf, temporaryFolder } from "../fixture/index.js";

/** A title for the window, a colour, DEL, a C1 introducer, text from right to left, and a line of its own. */
const EVIL = "\x1b]0;pwned\x07\x1b[31mroot\x7f\u009b2J\u202elast\u2069\u2028\nfake: all is well";
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

let directory = "";

test.before.each(() => {
	directory = temporaryFolder();
});

test.after.each(() => rmSync(directory, { recursive: true, force: true }));

test("control characters are escaped, and all other text stays as it is", () => {
	const plain = 'größe 7 → 雪 😀 \\ "quoted" tab-less';
	assert.is(escapeControls(plain), plain);
	assert.is(escapeControls("a\x1b[0m\n\x7f\u0085\u202e"), "a\\u001b[0m\\u000a\\u007f\\u0085\\u202e");
	assert.not.match(escapeControls(EVIL), CONTROL);
});

test("JSON has every control character escaped, and reads as the same value", () => {
	const value = { [EVIL]: [EVIL, { plain: "ä" }] };
	const text = toJson(value);
	assert.not.match(text, CONTROL);
	assert.equal(JSON.parse(text), value);
});

test("a table keeps its shape, whatever its cells contain", () => {
	const drawn = table(["name", "n"], [[EVIL, 1]]);
	assert.not.match(drawn, CONTROL);
	assert.is(drawn.split("\n").length, 2);
});

test("names in error messages are escaped", () => {
	using region = Region.open("r", { directory, size: "8MiB" });
	const queue = region.queue(EVIL);
	queue.producer();
	for (const act of [
		() => queue.producer(),
		() => region.struct(EVIL, { a: "f64" }),
		() => Region.open(EVIL, { directory }),
		() => Region.open("nowhere", { directory: `${directory}/${EVIL}`, mode: "open" }),
		() => region.load(EVIL),
	]) {
		const { message, stack } = errorOf(act);
		assert.not.match(message, CONTROL);
		assert.not.match(message, "\n");
		assert.not.match(stack ?? "", CONTROL);
	}
	assert.is(new DhmemError("DHMEM_BAD_ARGUMENT", ["one", "two\x07"]).message, "one\ntwo\\u0007");
});

test("the command line escapes names and labels of a region", async () => {
	using region = Region.open("r", { directory, size: "8MiB", label: EVIL });
	region.mutex(EVIL);
	region.queue(`${EVIL} queue`);
	for (const args of [
		["stat", "r"],
		["stat", "--json", "r"],
		["ls"],
		["ls", "--json"],
		["doctor"],
		["recv", "r", EVIL],
	]) {
		const { stdout, stderr } = await dhmem(args);
		assert.not.match(stdout, CONTROL);
		assert.not.match(stderr, CONTROL);
	}
});

for (const [what, card] of [
	["null", "null"],
	["no JSON", "{"],
	["a card without numbers", JSON.stringify({ host: "h", user: EVIL, process: 1, version: "0.1.0" })],
	[
		"a card that is too long",
		JSON.stringify({ host: "h".repeat(100_000), user: 0, process: 1, version: "0" }),
	],
] as const) {
	test(`a doctor that meets ${what} says so`, async () => {
		using region = meeting(card);
		const { status, text, todo } = await meet(findFacts(directory), { timeout: 10_000 });
		assert.is(status, "problem");
		assert.match(text, `${region.path} is not from a doctor`);
		assert.match(todo ?? "", "dhmem rm dhmem-doctor");
	});
}

test("facts from the other doctor are printed with control characters escaped", async () => {
	using _ = meeting(JSON.stringify({ host: EVIL, user: 0, process: 1, version: EVIL }));
	const { stdout } = await dhmem(["doctor", "--peer"]);
	assert.match(stdout, "exchanged messages with process 1 of user 0 on \\u001b]0;pwned");
	assert.not.match(stdout, CONTROL);
});

test.run();

/** Where doctors meet, with somebody there who has sent this. */
function meeting(card: string): Region {
	const region = Region.open("dhmem-doctor", { directory, lifetime: "last-close", size: "1MiB" });
	region.queue("there", { capacity: "4KiB" }).producer().trySend(card);
	region.queue("back", { capacity: "4KiB" }).consumer();
	return region;
}

/** What `dhmem` prints, whatever its status. */
async function dhmem(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
	const environment = { env: { ...process.env, DHMEM_DIR: directory } };
	try {
		return await promisify(execFile)(process.execPath, [DHMEM, ...args], environment);
	} catch (error) {
		return error as { stdout: string; stderr: string };
	}
}
