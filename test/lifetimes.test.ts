import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const program = fileURLToPath(new URL("lifetimes-child.js", import.meta.url));

test("whatever can be reached of an opening keeps it open, and nothing else does", () => {
	const { stdout, stderr } = spawnSync(process.execPath, ["--expose-gc", program], { encoding: "utf8" });
	const results: Record<string, string> = stdout === "" ? {} : JSON.parse(stdout);
	const names = Object.keys(results);
	assert.ok(names.length > 45, stderr);
	const expected = (name: string) => {
		if (name === "a lock that was given up") return "collected";
		return name === "a lock that nothing refers to" || name.startsWith("a task's")
			? "kept"
			: "kept and collected";
	};
	assert.equal(results, Object.fromEntries(names.map((name) => [name, expected(name)])));
});

test.run();
