/** dhmem in a context of its own, with classes of its own, as in Jest and in vitest's vm pools. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("realm");
const child = fileURLToPath(new URL("realm-child.js", import.meta.url));

for (const loader of ["inside", "outside"]) {
	test(`in another realm everything works, with the loader ${loader}, and with arrays and signals of the main one`, () => {
		const flags = ["--experimental-vm-modules", "--no-warnings"];
		const output = execFileSync(process.execPath, [...flags, child, loader], { encoding: "utf8" });
		assert.equal(JSON.parse(output), {
			otherRealm: true,
			notFound: "DHMEM_NOT_FOUND",
			noFolder: "DHMEM_NOT_FOUND",
			noFile: "DHMEM_NOT_FOUND",
			disposed: "DHMEM_CLOSED",
			undisposed: [],
			message: [1.5, 2.5],
			lengths: [4, 1, 1],
			timeout: "DHMEM_TIMEOUT",
			reason: "my own reason",
			noSignal: "DHMEM_BAD_ARGUMENT",
			laterReason: "another reason",
			pushed: [2, 1, true],
			otherKind: "DHMEM_BAD_ARGUMENT",
			popped: [2, 1, 2, 3, 4],
			map: [7],
			vector: ["1", "DHMEM_BAD_ARGUMENT"],
			array: [1, 2],
			struct: 4,
			badHandle: "DHMEM_BAD_HANDLE",
			lockedTwice: "DHMEM_BAD_ARGUMENT",
			noInput: "DHMEM_NOT_FOUND",
			trap: "DHMEM_CORRUPT",
		});
	});
}

test("importing dhmem does not touch standard input, which other processes may share", () => {
	const script = `
		import { readFileSync } from "node:fs";
		const flags = () => readFileSync("/proc/self/fdinfo/0", "utf8").match(/flags:.*/)[0];
		const before = flags();
		await import(${JSON.stringify(import.meta.resolve("dhmem"))});
		await import(${JSON.stringify(import.meta.resolve("dhmem/workflow"))});
		console.log(before === flags());`;
	const flags = ["--input-type=module", "-e", script];
	assert.is(execFileSync(process.execPath, flags, { encoding: "utf8", input: "" }), "true\n");
});

test.run();
