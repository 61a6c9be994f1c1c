import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { long } from "../fixture/index.js";

const program = fileURLToPath(new URL("lifetimes-child.js", import.meta.url));

test("anything reachable of an opening keeps it open, and nothing else does", () => {
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

/** What a script prints on standard error, in a region's folder that is gone afterwards. */
function errorsOf(script: string, flags: string[] = [], env: NodeJS.ProcessEnv = {}): string {
	const directory = mkdtempSync("/dev/shm/dhmem-lifetimes-");
	const source = `
		import { setImmediate as turn } from "node:timers/promises";
		import { Worker } from "node:worker_threads";
		const index = ${JSON.stringify(import.meta.resolve("dhmem"))};
		const { Region } = await import(index);
		${script}`;
	try {
		const { stderr } = spawnSync(process.execPath, [...flags, "--input-type=module", "-e", source], {
			encoding: "utf8",
			env: { ...process.env, DHMEM_DIR: directory, ...env },
		});
		return stderr;
	} finally {
		rmSync(directory, { recursive: true });
	}
}

long(test)(
	"when a region has no slot left, the error names this process's open openings, in any thread",
	() => {
		const errors = errorsOf(`
		const inWorker = \`
			import { parentPort, workerData } from "node:worker_threads";
			const { Region } = await import(workerData);
			for (let i = 0; i < 3; i++) Region.open("many", { label: "in a worker" });
			parentPort.on("message", () => {});
			parentPort.postMessage("opened");\`;
		Region.open("many", { size: "1MiB", label: "closed" }).close();
		const worker = new Worker(inWorker, { eval: true, workerData: index });
		await new Promise((resolve) => worker.on("message", resolve));
		Region.open("many", { label: "once" });
		try {
			for (;;) Region.open("many", { label: "again and again" });
		} catch (error) {
			console.error(error.code, error.message);
		}
		process.exit();`);
		assert.match(errors, /^DHMEM_TOO_MANY_PARTICIPANTS .* 128 of them/, errors);
		assert.match(errors, /"in a worker" 3 times, "once", "again and again" 124 times/);
		assert.not.match(errors, '"closed"');
	},
);

test("bytes that were copied into a small region do not keep it open", () => {
	const script = `
		const copyInside = () => {
			const region = Region.open("r", { size: "512KiB", label: "forgotten" });
			region.allocate(64).copyTo(region.allocate(64).bytes);
		};
		copyInside();
		for (let i = 0; i < 10; i++) {
			gc();
			await turn();
		}
		const left = Region.open("r").stats().participants.filter(({ label }) => label === "forgotten");
		console.error(left.length);`;
	assert.is(errorsOf(script, ["--expose-gc"]), "0\n");
});

long(test)("NODE_DEBUG=dhmem names openings that were collected and never closed, and no others", () => {
	const errors = errorsOf(
		`
		(() => {
			Region.open("forgotten", { size: "1MiB", label: "a step" });
			Region.open("closed", { size: "1MiB", label: "a step" }).close();
		})();
		for (let turns = 0; turns < 100; turns++) {
			gc();
			await turn();
		}`,
		["--expose-gc"],
		{ NODE_DEBUG: "dhmem" },
	);
	const lines = errors.split("\n").filter((line) => line.includes("never closed"));
	assert.is(lines.length, 1, errors);
	assert.match(lines[0] ?? "", /forgotten\.dhmem.*a step/);
});

test.run();
