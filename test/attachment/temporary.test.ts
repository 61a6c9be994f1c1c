import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";

const index = import.meta.resolve("dhmem");

/** What a program prints that believes to be on another platform. */
function elsewhere(program: string): string {
	const pretend = 'Object.defineProperty(process, "platform", { value: "plan9" });';
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

test("elsewhere than on Linux it is memory of the thread, and everything works in it", () => {
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

test("elsewhere than on Linux, opening by name says what is needed", () => {
	const output = elsewhere(
		`try { Region.open("x") } catch (error) { console.log(error.code, error.message) }`,
	);
	assert.match(output, /^DHMEM_UNSUPPORTED .*Linux.*plan9/);
});

test.run();
