/** What tests of regions use. */
import { readdirSync } from "node:fs";
import type { Region, RegionOptions } from "dhmem";
import * as assert from "uvu/assert";
import { Child, directory, openRegion } from "../fixture/index.js";

export const module = new URL("./region-scenarios.js", import.meta.url).href;

export const isRoot = process.getuid?.() === 0;

export function open(options: RegionOptions = {}, name = "region"): Region {
	return openRegion(name, { size: "4MiB", ...options });
}

/** A process that runs one of the scenarios of `region-scenarios.ts`. */
export function start(scenario: string, parameters: (string | number)[] = [], flags: string[] = []): Child {
	return new Child(module, scenario, [directory, ...parameters], flags);
}

/** The same, once it is ready. */
export async function started(scenario: string, ...parameters: (string | number)[]): Promise<Child> {
	const child = start(scenario, parameters);
	assert.is(await child.hear(), "ready");
	return child;
}

export const names = () => readdirSync(directory).sort();
