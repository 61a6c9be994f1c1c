import { execFileSync } from "node:child_process";
import { existsSync, truncateSync } from "node:fs";
import { dirname } from "node:path";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf } from "../fixture/index.js";

const index = import.meta.resolve("dhmem");

/** What a program prints that takes this for another platform, or for Linux on another processor. */
function elsewhere(program: string, platform = "darwin", arch = "arm64"): string {
	const pretend = `
		Object.defineProperty(process, "platform", { value: ${JSON.stringify(platform)} });
		Object.defineProperty(process, "arch", { value: ${JSON.stringify(arch)} });
		process.dlopen = () => { throw new Error("loaded a library for Linux") };
	`;
	const source = `${pretend} const { Region } = await import(${JSON.stringify(index)}); ${program}`;
	return execFileSync(process.execPath, ["--input-type=module", "-e", source], { encoding: "utf8" });
}

test("a temporary region has a name of its own and is gone when disposed", () => {
	const one = Region.temporary({ size: "1MiB" });
	const other = Region.temporary({ size: "1MiB" });
	assert.is.not(one.name, other.name);
	assert.ok(existsSync(one.path));
	using again = Region.open(one.name, { mode: "open" });
	one.close();
	assert.ok(existsSync(again.path));
	again.close();
	other.close();
	assert.not.ok(existsSync(again.path) || existsSync(other.path));
});

test("a temporary region that was truncated is removed once nobody has it open", () => {
	const region = Region.temporary({ size: "1MiB" });
	const list = () => Region.list({ directory: dirname(region.path) });
	truncateSync(region.path, 0);
	assert.ok(list().includes(region.name));
	assert.is(
		codeOf(() => region.allocate(1)),
		"DHMEM_TRUNCATED",
	);
	assert.not(list().includes(region.name));
	assert.not(existsSync(region.path));
});

test("on systems other than Linux it is memory of the thread, and everything works in it", () => {
	const output = elsewhere(`
		const region = Region.temporary();
		const queue = region.queue("q");
		const producer = queue.producer();
		const consumer = queue.consumer();
		const waiting = consumer.receive({ timeout: 5000 });
		await producer.send("hello");
		console.log((await waiting).text());
		setTimeout(() => producer.end(), 5);
		console.log(await consumer.receive(), consumer.ended);
		const late = await region.queue("other").consumer().receive({ timeout: 5 }).catch((error) => error.code);
		console.log(late);
		const map = region.map("m", { key: "string", value: "f64" }).set("a", 1);
		console.log(map.get("a"), region.stats().participants.length);
		region.close();
	`);
	assert.equal(output.trim().split("\n"), ["hello", "undefined true", "DHMEM_TIMEOUT", "1 1"]);
});

for (const [platform, arch] of [
	["darwin", "arm64"],
	["win32", "x64"],
	["linux", "ia32"],
	["linux", "arm"],
] as const) {
	test(`on ${platform}-${arch}, opening by name says what is supported, and a temporary region works`, () => {
		const program = `
			try { Region.open("x") } catch (error) { console.log(error.code, error.message) }
			console.log(Region.temporary().map("m", { key: "string", value: "f64" }).set("a", 1).get("a"));
		`;
		const [refused = "", value] = elsewhere(program, platform, arch).trim().split("\n");
		assert.match(refused, /^DHMEM_UNSUPPORTED .*Linux.*x64 and arm64; this is /);
		assert.match(
			refused,
			new RegExp(`this is ${platform}-${arch}\\. Region\\.temporary\\(\\) works here too`),
		);
		assert.is(value, "1");
	});
}

test.run();
