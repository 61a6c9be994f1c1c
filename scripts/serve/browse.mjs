/**
 * Uses the page of `dhmem serve` as an operator does, in Debian's Chromium: what is shown is what the regions say,
 * it keeps up with changes, and names do no harm. Whatever would come from elsewhere is an error.
 *
 * Usage: browse.mjs FOLDER OF REGIONS [FOLDER for screenshots]
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { unlinkSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { Region } from "../../dist/src/index.js";
import { formatSize } from "../../dist/src/terminal/format-size.js";

const [, , directory, screenshots] = process.argv;
const command = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));
const open = (name, label, size = "16MiB") => Region.open(name, { directory, label, size });

let server;
async function serve(port) {
	server = spawn(process.execPath, [command, "serve", `--directory=${directory}`, `--port=${port}`], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	const [line] = await once(createInterface(server.stdout), "line");
	return /http:\S+/.exec(line)[0];
}

async function stop() {
	server.kill();
	await once(server, "exit");
}

const url = await serve(0);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
page.setDefaultTimeout(60_000);
const problems = [];
/** While the server is away, requests fail, as they should. */
let isAway = false;
page.on("pageerror", (error) => problems.push(`${error}`));
page.on("console", (message) => {
	if (message.type() === "error" && !isAway) problems.push(message.text());
});
page.on("dialog", (dialog) => {
	problems.push(`a dialog: ${dialog.message()}`);
	dialog.dismiss();
});
page.on("request", (request) => {
	if (!request.url().startsWith(url)) problems.push(`it asks for ${request.url()}`);
});

const steps = [];
async function step(name, body) {
	try {
		await body();
		steps.push(name);
		console.log(`${name}: right`);
	} catch (error) {
		problems.push(`${name}: ${error.message}`);
	}
	if (screenshots !== undefined) await page.screenshot({ path: `${screenshots}/${name}.png` });
}

/** Waits until the text of the first such element is as wanted. */
async function shows(selector, text) {
	await page.locator(selector, { hasText: text }).first().waitFor();
}

const row = (name) => page.locator("#regions tr", { has: page.locator(`a:text-is("${name}")`) });
const card = (name) =>
	page.locator(".queues li", { has: page.locator("b").getByText(name, { exact: true }) });
const figure = (where, what) => where.locator(`dl div:has(dt:text-is("${what}")) dd`);

await page.goto(url);

await step("a folder without regions", () => shows("#nothing", "There are no regions in this folder"));

const climate = open("climate", "simulate");
const analysis = Region.open("climate", { directory, label: "analyse" });
const producer = climate.queue("fields", { capacity: 4096 }).producer();
const consumer = analysis.queue("fields").consumer();

await step("a region that is opened appears, with its own figures", async () => {
	await row("climate").waitFor();
	const { used, committed } = climate.stats();
	assert.equal(await row("climate").locator(".is-used").textContent(), formatSize(used));
	assert.equal(await row("climate").locator(".is-committed").textContent(), formatSize(committed));
	assert.equal(await row("climate").locator(".is-alive").textContent(), "2");
	assert.equal(await page.locator("#directory").textContent(), directory);
});

await step("a click shows a region's participants, queues and memory", async () => {
	await row("climate").locator("a").click();
	await shows("#region h2", "climate");
	await shows(".participants li", "simulate");
	await shows(".participants li", "receives from fields");
	assert.equal(await card("fields").locator(".ends").textContent(), "simulate → analyse");
	await page.locator(".cells i").first().waitFor();
	assert.equal(await page.title(), "climate · dhmem");
});

await step("depth and fill follow the queue", async () => {
	const shownDepth = async (depth) =>
		figure(card("fields"), "depth")
			.filter({ hasText: new RegExp(`^${depth}$`) })
			.waitFor();
	for (let i = 0; i < 20; i++) producer.trySend("x".repeat(100));
	await shownDepth(climate.stats().queues[0].depth);
	const { bytes, capacity } = climate.stats().queues[0];
	assert.equal(
		await figure(card("fields"), "full").textContent(),
		`${Math.round((bytes / capacity) * 100)} %`,
	);
	for (let i = 0; i < 5; i++) consumer.tryReceive().release();
	await shownDepth(15);
	assert.match(await card("fields").locator(".line").getAttribute("d"), /^M.*L/);
});

await step("rates follow the traffic, and fall to zero after it", async () => {
	const traffic = setInterval(() => {
		for (let i = 0; i < 10 && producer.trySend("x"); i++) consumer.tryReceive()?.release();
	}, 20);
	await figure(card("fields"), "sent")
		.filter({ hasText: /^[1-9]/ })
		.waitFor();
	await row("climate")
		.locator(".is-sent")
		.filter({ hasText: /^[1-9]/ })
		.waitFor();
	clearInterval(traffic);
	await figure(card("fields"), "sent")
		.filter({ hasText: /^0\/s$/ })
		.waitFor();
});

await step("who waits for whom is shown, and is gone after the wait", async () => {
	const held = climate.mutex("sums").lockSync();
	const waiting = analysis.mutex("sums").lock();
	await shows(".waits li", "analyse");
	assert.deepEqual(await page.locator(".waits .who").allTextContents(), ["analyse", "simulate"]);
	await shows(".locks li", "held by simulate; 1 participant waiting");
	held.unlock();
	(await waiting).unlock();
	await page.getByText("Nobody waits.").waitFor();
	await shows(".locks li", "free");
});

await step("large blocks appear in the map, and vanish from it", async () => {
	const block = climate.allocate(4 * 2 ** 20);
	await page.waitForFunction(() => document.querySelectorAll(".cells .large").length >= 64);
	block.free();
	await page.waitForFunction(() => document.querySelectorAll(".cells .large").length < 16);
});

await step("a participant that left is gone; a killed one is dead", async () => {
	const code = `
		const { Region } = await import(${JSON.stringify(new URL("../../dist/src/index.js", import.meta.url).href)});
		Region.open("climate", { directory: ${JSON.stringify(directory)}, label: "doomed" });
		console.log("ready");
		setInterval(() => {}, 1000);`;
	const doomed = spawn(process.execPath, ["--input-type=module", "-e", code], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	await once(doomed.stdout, "data");
	await shows(".participants li:not(.dead)", "doomed");
	doomed.kill("SIGKILL");
	await shows(".participants li.dead", "doomed");
	await row("climate").locator(".is-dead").filter({ hasText: "1" }).waitFor();
	climate.recover();
	await page.locator(".participants li", { hasText: "doomed" }).waitFor({ state: "detached" });
});

await step("hostile names are text, with control characters made visible", async () => {
	const hostile = open("hostile", "<img src=x onerror=alert(1)>\u202eevil");
	const names = ["<script>window.hacked = 1</script>", "__proto__", 'a\nb"c\\d\0\u001b[31m', "constructor"];
	for (const name of names) hostile.queue(name, { capacity: 64 }).producer().trySend("x");
	hostile.mutex("<b onclick=alert(1)>lock</b>");
	await page.goto(`${url}#hostile`);
	await page.waitForFunction(
		(count) => document.querySelectorAll(".queues > li").length === count,
		names.length,
	);
	const shown = (await page.locator(".queues .title b").allTextContents()).sort();
	assert.deepEqual(
		shown,
		names
			.map((name) =>
				JSON.stringify(name)
					.slice(1, -1)
					.replaceAll('\\"', '"')
					.replaceAll("\\n", "\\u000a")
					.replaceAll("\\\\", "\\"),
			)
			.sort(),
	);
	await shows(".participants b", "<img src=x onerror=alert(1)>\\u202eevil");
	assert.equal(await page.locator("#region img, #region script, #list img, #list script").count(), 0);
	assert.equal(await page.evaluate(() => window.hacked), undefined);
	await page.goto(`${url}#%3Cimg%20src=x%20onerror=alert(1)%3E`);
	await shows("#region h2", "<img src=x onerror=alert(1)>");
	await shows(".problem", "no region of this name");
	await page.goto(`${url}#%E0%A4%A`);
	hostile.close();
});

await step("a region that can't be read is named, with the reason", async () => {
	writeFileSync(`${directory}/broken.dhmem`, "not a region");
	await row("broken").getByText("can't be read").waitFor();
	await row("broken").locator("a").click();
	await shows(".problem", "(DHMEM_FORMAT)");
	unlinkSync(`${directory}/broken.dhmem`);
	await shows(".problem", "no region of this name");
});

await step("300 regions are listed, filtered and sorted", async () => {
	const many = Array.from({ length: 300 }, (_, i) => open(`run-${i}`, "task", "1MiB"));
	many[42].queue("much", { capacity: 65536 });
	await page.goto(`${url}#`);
	await page.waitForFunction(() => document.querySelectorAll("#regions tr").length === 302);
	await page.fill("#filter", "RUN-29");
	await page.waitForFunction(() => document.querySelectorAll("#regions tr").length === 11);
	await page.fill("#filter", "run-");
	await page.getByRole("button", { name: "Used" }).click();
	assert.equal(await page.locator("#regions tr a").first().textContent(), "run-42");
	await page.fill("#filter", "nothing");
	await shows("#nothing", "No region has such a name");
	await page.fill("#filter", "");
	for (const region of many) {
		region.unlink();
		region.close();
	}
	await page.waitForFunction(() => document.querySelectorAll("#regions tr").length === 2);
});

await step("paused, nothing changes", async () => {
	await page.getByRole("button", { name: "Pause" }).click();
	await shows("#status.paused", "paused");
	const late = open("late", "late");
	await page.waitForTimeout(3000);
	assert.equal(await row("late").count(), 0);
	await page.getByRole("button", { name: "Continue" }).click();
	await row("late").waitFor();
	late.unlink();
	late.close();
});

await step("a server that ends and returns is noticed", async () => {
	isAway = true;
	await stop();
	await shows("#status.lost", "can't be reached");
	await serve(new URL(url).port);
	await shows("#status.live", "live");
	isAway = false;
});

for (const colorScheme of ["light", "dark"])
	await step(`a narrow window shows all of it, ${colorScheme}`, async () => {
		await page.emulateMedia({ colorScheme });
		await page.setViewportSize({ width: 360, height: 800 });
		for (const hash of ["#", "#climate"]) {
			await page.goto(url + hash);
			await row("climate").waitFor({ state: "attached" });
			const { wide, shown } = await page.evaluate(() => ({
				wide: document.documentElement.scrollWidth,
				shown: document.documentElement.clientWidth,
			}));
			assert.ok(wide <= shown, `it is ${wide} pixels wide in a window of ${shown}`);
		}
	});

await browser.close();
await stop();
for (const problem of problems) console.error(problem);
console.log(`the page of dhmem serve: ${steps.length} steps right, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);
