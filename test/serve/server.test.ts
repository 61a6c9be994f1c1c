/** What the server of `dhmem serve` answers. */
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { MemoryCells } from "../../src/serve/memory-cells.js";
import { started } from "../attachment/stage.js";
import { directory, eachInFolder, regionPath } from "../fixture/index.js";
import { ask, open, readable, reportOf, reportWhen, serverTest } from "./stage.js";

eachInFolder();

serverTest("the page and all that it refers to are served, with types and a strict policy", async (url) => {
	const found = new Map<string, string>();
	const paths = ["/"];
	for (const path of paths) {
		const { status, headers, body } = await ask(url, path);
		assert.is(status, 200, path);
		found.set(path, headers["content-type"] ?? "");
		assert.match(String(headers["content-security-policy"]), "default-src 'none'; script-src 'self';");
		assert.is(headers["x-content-type-options"], "nosniff");
		for (const [, , to = ""] of body.matchAll(/(href|src|from) ?=?"\.?(\/[\w.-]+)"/g))
			if (!paths.includes(to)) paths.push(to);
	}
	assert.is(found.get("/"), "text/html; charset=utf-8");
	assert.is(found.get("/style.css"), "text/css; charset=utf-8");
	assert.is(found.get("/main.js"), "text/javascript; charset=utf-8");
	assert.ok(found.has("/queue-card.js"), [...found.keys()].join());
});

serverTest("a report has what the regions say about themselves", async (url) => {
	const region = open("climate", { label: "simulate" });
	const other = open("climate", { label: "analyse" });
	const producer = region.queue("fields", { capacity: 1024 }).producer();
	const consumer = other.queue("fields").consumer();
	region.allocate(100_000);
	for (let i = 0; i < 5; i++) producer.trySend("12345678");
	consumer.tryReceive()?.release();
	const shown = readable(await reportOf(url), "climate");
	const { used, committed, size, participants, objects, queues } = region.stats();
	assert.equal([shown.used, shown.committed, shown.size, shown.objects], [used, committed, size, objects]);
	assert.equal(
		shown.participants.map(({ slot, label, alive }) => ({ slot, label, alive })),
		participants,
	);
	const [queue] = shown.queues;
	assert.equal({ ...queue, ...queues[0] }, queue);
	assert.equal([queue?.producer, queue?.consumer], [0, 1]);
});

serverTest("a later report has rates, and what has changed", async (url) => {
	const producer = open("climate").queue("fields").producer();
	const first = await reportOf(url);
	assert.equal(first.rates, {});
	for (let i = 0; i < 100; i++) producer.trySend("x");
	const later = await reportWhen(url, (report) => readable(report, "climate").queues[0]?.sent === 100);
	assert.ok((later.rates["climate/fields"]?.sent ?? 0) > 0);
	assert.is(later.rates["climate/fields"]?.received, 0);
});

serverTest("requests with a foreign host name are refused", async (url) => {
	const { port } = new URL(url);
	const right = ["localhost", "LocalHost:80", "127.0.0.1", `127.0.0.1:${port}`, "[::1]:9000"];
	for (const host of right)
		assert.is((await ask(url, "/report.json", { headers: { host } })).status, 200, host);
	const wrong = [
		"evil.example",
		`evil.example:${port}`,
		"localhost.evil.example",
		"127.0.0.1.nip.io",
		"0.0.0.0",
	];
	for (const host of wrong)
		for (const path of ["/", "/report.json", "/metrics", "/nothing"]) {
			const { status, body } = await ask(url, path, { headers: { host } });
			assert.is(status, 403, host);
			assert.match(body, "localhost");
		}
});

serverTest("the server changes nothing, and serves nothing else", async (url) => {
	open("climate");
	for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
		const { status, headers } = await ask(url, "/report.json", { method });
		assert.equal([status, headers.allow], [405, "GET, HEAD"]);
	}
	const paths = [
		"/nothing",
		"/../package.json",
		"/%2e%2e/server.js",
		"//report.json",
		"/tsconfig.json",
		"/memory.json",
		"/memory.json?region=nothing",
		"/memory.json?region=../climate",
		"/memory.json?region=%00",
		"/?x\\",
		"*",
	];
	for (const path of paths) {
		const { status } = await ask(url, path);
		assert.is(status, path.startsWith("/?") ? 200 : 404, path);
	}
	const head = await ask(url, "/report.json", { method: "HEAD" });
	assert.equal([head.status, head.body], [200, ""]);
	assert.ok(Number(head.headers["content-length"]) > 0);
});

serverTest("a folder without regions is an empty report", async (url) => {
	const report = await reportOf(url);
	assert.equal([report.directory, report.regions], [directory, []]);
	assert.is((await ask(url, "/metrics")).status, 200);
});

serverTest("a folder that is gone is an error that says so, until it is back", async (url) => {
	rmSync(directory, { recursive: true });
	for (const path of ["/report.json", "/metrics"]) {
		let answer = await ask(url, path);
		while (answer.status === 200) answer = await ask(url, path);
		assert.is(answer.status, 503);
		assert.match(answer.body, "DHMEM_NOT_FOUND");
	}
});

serverTest("names come as they are", async (url) => {
	const names = ["<script>alert(1)</script>", "__proto__", 'a\nb"c\\d\0\u001b[31m', "\u202eright to left"];
	const region = open("hostile", { label: "<img src=x onerror=alert(1)>" });
	for (const name of names) region.queue(name, { capacity: 64 });
	await reportOf(url);
	for (const name of names) region.queue(name).producer().trySend("x");
	const report = await reportWhen(url, (each) =>
		readable(each, "hostile").queues.every(({ sent }) => sent === 1),
	);
	const shown = readable(report, "hostile");
	assert.equal(shown.queues.map(({ name }) => name).sort(), names.sort());
	assert.is(shown.participants[0]?.label, "<img src=x onerror=alert(1)>");
	for (const name of names) assert.ok(Object.hasOwn(report.rates, `hostile/${name}`), name);
});

serverTest("an unreadable region is named, and the others are shown", async (url) => {
	open("fine");
	writeFileSync(regionPath("nonsense"), "not a region");
	const broken = open("broken");
	const first = await reportOf(url);
	assert.equal(
		first.regions.map(({ name, error }) => [name, error?.code]),
		[
			["broken", undefined],
			["fine", undefined],
			["nonsense", "DHMEM_FORMAT"],
		],
	);
	truncateSync(broken.path, 0);
	const later = await reportWhen(url, ({ regions }) => regions[0]?.error !== undefined);
	assert.match(later.regions[0]?.error?.text ?? "", "broken.dhmem");
	assert.is(later.regions[1]?.error, undefined);
	assert.is((await ask(url, "/memory.json?region=broken")).status, 503);
	assert.is((await ask(url, "/memory.json?region=fine")).status, 200);
});

serverTest("a region overwritten with garbage harms neither the server nor the others", async (url) => {
	open("fine");
	const region = open("garbage");
	for (let i = 0; i < 50; i++) region.queue(`queue ${i}`, { capacity: 64 });
	const bytes = region.allocate(64).bytes.buffer;
	const whole = new Uint8Array(bytes, 4096, 2 ** 20);
	for (let turn = 0; turn < 20; turn++) {
		for (let i = 0; i < whole.length; i += 1 + (turn % 7)) whole[i] = (i * 31 + turn * 17) & 0xff;
		for (const path of ["/report.json", "/metrics", "/memory.json?region=garbage"]) {
			const { status, body } = await ask(url, path);
			assert.ok(status === 200 || status === 503, `${status} ${body}`);
		}
	}
	assert.is(readable(await reportOf(url), "fine").participants.length, 1);
});

serverTest("a participant that was killed is shown as dead", async (url) => {
	const child = await started("stay", '{"label":"evaluate"}');
	assert.ok(readable(await reportOf(url), "region").participants[0]?.alive);
	await child.kill();
	await reportWhen(url, (report) => readable(report, "region").participants[0]?.alive === false);
});

serverTest("watching keeps no region, and is no participant", async (url) => {
	const region = open("brief", { lifetime: "last-close" });
	assert.is(readable(await reportOf(url), "brief").participants.length, 1);
	assert.is(region.stats().participants.length, 1);
	region.close();
	await reportWhen(url, ({ regions }) => regions.length === 0);
});

serverTest("the memory of a region is served as few cells, which account for all of it", async (url) => {
	const region = open("climate", { size: "512MiB" });
	const large = region.allocate(300 * 2 ** 20);
	for (let i = 0; i < 100; i++) region.allocate(1000);
	const { body } = await ask(url, "/memory.json?region=climate");
	const { cells, cellBytes, start, rest } = JSON.parse(body) as MemoryCells;
	assert.is(start + cells.length * cellBytes + rest, region.size);
	assert.ok(cells.length <= 960, `${cells.length} cells`);
	const sum = (kind: "large" | "small" | "used") =>
		cells.reduce((total, cell) => total + (cell[kind] ?? 0), 0);
	assert.is(sum("large"), large.bytes.length);
	assert.ok(sum("small") >= sum("used") && sum("used") >= 100 * 1000);
});

serverTest("so is that of a region with a bulk space", async (url) => {
	const region = open("climate", { size: "16GiB" });
	const bytes = 10 * 2 ** 20;
	region.allocate(bytes);
	const { body } = await ask(url, "/memory.json?region=climate");
	const { cells, cellBytes, start, rest } = JSON.parse(body) as MemoryCells;
	const shown = cells.reduce((total, { skipped }) => total + (skipped ?? cellBytes), 0);
	assert.is(start + shown + rest, region.size);
	assert.is(cells.filter(({ skipped }) => skipped !== undefined).length, 1);
	assert.is(
		cells.reduce((total, { large = 0 }) => total + large, 0),
		bytes,
	);
});

test.run();
