/** What importing dhmem does to a program: nothing. */
import { spawnSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";

for (const module of ["index.js", "workflow/index.js"]) {
	test(`importing ${module} leaves standard input as it is`, () => {
		const url = new URL(`../../src/${module}`, import.meta.url).href;
		const source = `await import(${JSON.stringify(url)}); process.stdout.write(require("node:fs").readFileSync("/proc/self/fdinfo/0"))`;
		const program = `${JSON.stringify(process.execPath)} --input-type=commonjs -e '(async () => { ${source} })()'`;
		// Another process has the other end, so that a read would wait.
		const { stdout, stderr } = spawnSync("sh", ["-c", `sleep 1 | ${program}`], { encoding: "utf8" });
		const flags = Number.parseInt(/^flags:\s*(\d+)/m.exec(stdout)?.[1] ?? "", 8);
		assert.ok(Number.isInteger(flags), stderr);
		assert.is(flags & 0o4000, 0, "it does not block any more");
	});
}

test.run();
