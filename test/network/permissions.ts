/** The permissions that the documents say are enough. */
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";

export interface Permissions {
	readonly publish: readonly string[];
	readonly subscribe: readonly string[];
}

/** @param document its path in the project */
export function permissionsIn(document: string): Permissions {
	const text = readFileSync(new URL(`../../../${document}`, import.meta.url), "utf8");
	const [block = ""] = /^permissions \{.*?^\}/ms.exec(text) ?? [];
	const list = (name: string) => {
		const [, inside = ""] = new RegExp(`${name}: \\[(.*?)\\]`).exec(block) ?? [];
		const subjects = Array.from(inside.matchAll(/"([^"]+)"/g), ([, subject = ""]) => subject);
		assert.ok(subjects.length > 0, `${document} has no ${name}`);
		return subjects;
	};
	return { publish: list("publish"), subscribe: list("subscribe") };
}
