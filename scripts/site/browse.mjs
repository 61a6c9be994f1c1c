/**
 * Uses the built site as a reader does, in Debian's Chromium, from its files: searches, follows results and links, and
 * changes to a narrow window. Anything that would come from a network is an error.
 *
 * Usage: browse.mjs [FOLDER for screenshots]
 */
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const [, , screenshots] = process.argv;
const site = new URL("../../dist/site/", import.meta.url);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
const problems = [];
page.on("pageerror", (error) => problems.push(`${page.url()}: ${error}`));
page.on("request", (request) => {
	if (!/^(file|data):/.test(request.url())) problems.push(`${page.url()} asks for ${request.url()}`);
});

function expect(what, is) {
	if (!is) problems.push(`${page.url()}: ${what}`);
}

async function picture(name) {
	if (screenshots !== undefined) await page.screenshot({ path: `${screenshots}/${name}.png` });
}

/** Searches, and opens the result of this name. */
async function search(words, result) {
	await page.click("#tsd-search-trigger");
	await page.fill("#tsd-search-input", words);
	const found = page.locator("#tsd-search-results a", { hasText: result }).first();
	await found.waitFor();
	await picture(`search ${words}`);
	await found.click();
	await page.locator("h1", { hasText: result.split(".").at(-1) }).waitFor();
}

await page.goto(new URL("index.html", site).href);
expect("it does not begin with the README", await page.getByText("Shared memory for programs").isVisible());
const plot = page.locator("img").first();
expect("the plot is not drawn", await plot.evaluate((image) => image.naturalWidth > 0));
await picture("start");

await search("tryReserve", "Producer");
await picture("reference");
await search("rate limit", "Rate limit");
await picture("recipe");
await search("DHMEM_PEER_GONE", "When something goes wrong");

await page.goto(new URL("documents/Architecture.html", site).href);
await page.click("a >> text=guarantees.md");
await page.locator("h1", { hasText: "Guarantees" }).waitFor();

await page.setViewportSize({ width: 400, height: 800 });
await page.goto(new URL("classes/dhmem.Region.html", site).href);
const { wide, shown } = await page.evaluate(() => ({
	wide: document.documentElement.scrollWidth,
	shown: document.documentElement.clientWidth,
}));
expect(`it is ${wide} pixels wide in a window of ${shown}`, wide <= shown);
await picture("narrow");

await browser.close();
for (const problem of problems) console.error(problem);
console.log(`${fileURLToPath(site)}: ${problems.length} problems`);
if (problems.length > 0) process.exit(1);
