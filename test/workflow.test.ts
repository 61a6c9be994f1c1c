import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { newton, type Place, placeTest } from "./workflow/fixture.js";

for (const order of permutations(["evaluate", "steer", "visualize"])) {
	placeTest(`three tasks find the roots when ${order.join(", ")} start in this order`, async (place) => {
		await assertRoots(place, newton(order));
	});
}

test.run();

/** Runs a workflow of `newton.ts`, and checks the roots that it wrote. */
async function assertRoots(place: Place, workflow: object): Promise<void> {
	const ROOTS = join(place.folder, "roots.json");
	const { code, stdout, stderr } = await place.run(["run", place.write("newton.json", workflow)], { ROOTS });
	assert.is(code, 0, stderr);
	assert.match(stdout, "steer     | 20 roots");
	const roots: [number, number][] = JSON.parse(readFileSync(ROOTS, "utf8"));
	assert.is(roots.length, 20);
	for (const [a, x] of roots) assert.ok(Math.abs(x * x - a) < 1e-9, `${x} is the root of ${a}`);
}

function permutations<T>(items: readonly T[]): T[][] {
	if (items.length < 2) return [[...items]];
	return items.flatMap((item) =>
		permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
	);
}
