/** Fails if a page of the built site links to nothing, or loads anything from a network. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const site = process.argv[2] ?? fileURLToPath(new URL("../../dist/site", import.meta.url));
const pages = readdirSync(site, { recursive: true })
	.filter((name) => name.endsWith(".html"))
	.map((name) => join(site, name));
const textOf = new Map(pages.map((page) => [page, readFileSync(page, "utf8")]));

/** Whether a page has an element with this id. */
const anchors = new Map();
function hasAnchor(page, anchor) {
	if (!anchors.has(page)) {
		anchors.set(
			page,
			new Set(Array.from(textOf.get(page).matchAll(/ (?:id|name)="([^"]*)"/g), ([, id]) => id)),
		);
	}
	return anchors.get(page).has(anchor);
}

function problemOf(page, element, target) {
	if (/^(https?:|mailto:|data:)/.test(target)) {
		return element === "a" ? undefined : "would be loaded from a network";
	}
	const [path, anchor] = target.replaceAll("&amp;", "&").split("#");
	const file = path === "" ? page : join(dirname(page), decodeURIComponent(path));
	if (!existsSync(file)) return "leads nowhere";
	// TypeDoc copies a document that is not part of the site as a plain file.
	if (file.endsWith(".md")) return "leads to a document that scripts/site/documents.mjs does not list";
	if (anchor && textOf.has(file) && !hasAnchor(file, decodeURIComponent(anchor)))
		return "leads to no heading";
	return undefined;
}

let count = 0;
let failed = false;
for (const [page, text] of textOf) {
	for (const [, element, target] of text.matchAll(
		/<(a|link|script|img|use)\b[^>]*? (?:href|src)="([^"]*)"/g,
	)) {
		count++;
		const problem = problemOf(page, element, target);
		if (problem === undefined) continue;
		console.error(`${relative(site, page)}: ${target} ${problem}`);
		failed = true;
	}
}
console.log(`${pages.length} pages, ${count} links`);
if (pages.length === 0 || failed) process.exit(1);
