/** The core as a WebAssembly module. */
import { WASI } from "node:wasi";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NEED_COMMIT, NOT_OWNER, OK, STATUS_LIMIT } from "../../assembly/layout.js";
import { type Core, reading } from "../../src/core/core.js";
import { coreBytes } from "../crash-points/world.js";
import { type Findings, inspect } from "./wasm.js";
import { exportsThatWrite } from "./writing.js";

/** What is wrong with a core; empty for a good one. */
function faults({ bytes, imports, dataSegments, hasStart, mutableGlobals }: Findings): string[] {
	const found = [];
	if (bytes > 40 * 1024) found.push("too large");
	if (imports.join() !== "env.memory") found.push("imports");
	if (dataSegments > 0) found.push("data segments");
	if (hasStart) found.push("a start function");
	if (mutableGlobals > 0) found.push("mutable globals");
	return found;
}

const MEMORY_IMPORT = [2, 16, 1, 3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2, 3, 1, 1];

const FUNCTION = { types: [1, 4, 1, 0x60, 0, 0], functions: [3, 2, 1, 0], code: [10, 4, 1, 2, 0, 11] };

/** A module made of these sections. */
function made(...sections: number[][]): Uint8Array {
	return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()]);
}

test("the core is small, and a pure function over its memory", () => {
	const found = inspect(coreBytes);
	assert.equal(faults(found), []);
	assert.ok(found.exports.includes("memory"), "it exports its memory, as a WASI reactor does");
	assert.not(found.exports.includes("_start"));
	const declared = WebAssembly.Module.imports(new WebAssembly.Module(coreBytes));
	assert.equal(declared, [{ module: "env", name: "memory", kind: "memory" }]);
});

test("a module that breaks one of these rules is detected", () => {
	const { types, functions, code } = FUNCTION;
	const bad: [string, Uint8Array][] = [
		["imports", made(types, [2, 9, 1, 3, 101, 110, 118, 1, 102, 0, 0])],
		["data segments", made(MEMORY_IMPORT, [11, 7, 1, 0, 0x41, 0, 11, 1, 120])],
		["a start function", made(types, MEMORY_IMPORT, functions, [8, 1, 0], code)],
		["mutable globals", made(MEMORY_IMPORT, [6, 6, 1, 0x7f, 1, 0x41, 0, 11])],
		["too large", made(MEMORY_IMPORT, [0, 0x81, 0xc0, 2, 0], Array(40 * 1024).fill(0))],
	];
	assert.equal(faults(inspect(made(MEMORY_IMPORT))), []);
	for (const [fault, module] of bad) {
		assert.not.throws(() => new WebAssembly.Module(module), fault);
		assert.equal(faults(inspect(module)), [fault]);
	}
	const constant = made(MEMORY_IMPORT, [6, 6, 1, 0x7f, 0, 0x41, 0, 11]);
	assert.equal(faults(inspect(constant)), []);
});

test("the core's functions for read-only openings write nothing, nor do those that they call", () => {
	const writing = exportsThatWrite(coreBytes);
	assert.equal(
		[...reading].filter((name) => writing.has(name)),
		[],
	);
	const exported = inspect(coreBytes).exports;
	assert.ok([...reading].every((name) => exported.includes(name)));
	// The exports that are not on that list do write, or they could be on it.
	const others = exported.filter((name) => name !== "memory" && !reading.has(name));
	assert.equal(
		others.filter((name) => !writing.has(name)),
		["checkOwned", "isAnnounced", "mapNeeds"],
	);
});

test("it runs as a reactor through wasi, without any host function", () => {
	const memory = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
	const module = new WebAssembly.Module(coreBytes);
	const [first, second] = [1, 2].map(() => {
		const instance = new WebAssembly.Instance(module, { env: { memory } });
		new WASI({ version: "preview1" }).initialize(instance);
		return instance.exports as unknown as Core;
	}) as [Core, Core];

	first.format(64, 1, 2, 0, 0);
	const [a, b] = [first.join(0), second.join(1)];
	assert.is.not(a, b, "two instances are two participants");
	const allocate = (core: Core, me: number) => {
		let result: number;
		do {
			result = core.allocate(me, 1000) >>> 0;
			if (result === NEED_COMMIT) core.committed(me);
		} while (result === NEED_COMMIT);
		return result;
	};
	const [mine, theirs] = [allocate(first, a), allocate(second, b)];
	assert.ok(mine >= STATUS_LIMIT && theirs >= STATUS_LIMIT && mine !== theirs);
	assert.is(second.free(b, mine), NOT_OWNER);
	assert.is(first.free(a, mine), OK);
	assert.is(second.free(b, theirs), OK);
	assert.is(first.used(), 0);
});

test.run();
