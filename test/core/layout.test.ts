/** The layout in C is the same as the core's. */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as layout from "../../assembly/layout.js";

test("assembly/layout.h has every constant of layout.ts, with its value", () => {
	const header = readFileSync("assembly/layout.h", "utf8");
	const defined = [...header.matchAll(/^#define CORE_(\w+) (\w+)u\b/gm)];
	const values = Object.fromEntries(defined.map(([, name, value]) => [name, Number(value)]));
	assert.equal(values, { ...layout }, "run scripts/build-layout.mjs");
});

test.run();
