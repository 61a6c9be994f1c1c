/** Traces of the core: recorded, and played by the same engine. */
import { readFileSync } from "node:fs";
import binaryen from "binaryen";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { play } from "../../conformance/traces/player.js";
import { record } from "../../conformance/traces/scenario.js";
import { count } from "../fixture/index.js";
import { MANY, withFuel } from "../hostile/fuel.js";

const bytes = readFileSync("dist/core.wasm");
const core = new WebAssembly.Module(bytes);

/** Traces with many calls, the first of them with this seed. */
function traces(many: number): string {
	let text = "";
	for (let seed = 1; seed <= many; seed++) text += record(core, seed, 300).finish();
	return text;
}

test("a trace uses every export of the core, and plays again as it was recorded", () => {
	const text = traces(count(20, 300));
	const { traps, calls } = play(core, text);
	assert.ok(calls > 6000 && traps > 0, `${calls} calls, ${traps} traps`);
	const exported = WebAssembly.Module.exports(core).filter(({ kind }) => kind === "function");
	const called = new Set(Array.from(text.matchAll(/^call (\w+)/gm), ([, name]) => name));
	assert.equal(
		exported.filter(({ name }) => !called.has(name)),
		[],
	);
});

test("a seed names a trace", () => {
	assert.is(record(core, 7, 50).finish(), record(core, 7, 50).finish());
	assert.is.not(record(core, 7, 50).finish(), record(core, 8, 50).finish());
});

test("one changed result is found, and one changed byte", () => {
	const text = traces(1);
	const results = [...text.matchAll(/ = \d+$/gm)];
	const { index, 0: result } = results[results.length >> 1] as RegExpMatchArray & { index: number };
	const changed = `${text.slice(0, index)} = 12345678${text.slice(index + result.length)}`;
	assert.throws(() => play(core, changed), /call \d+: .* = 12345678, got/);
	const last = text.lastIndexOf("hash ");
	assert.throws(
		() => play(core, `${text.slice(0, last)}write 70000 ff\n${text.slice(last)}`),
		/memory differs/,
	);
});

test("a changed instruction of the core is found", () => {
	const text = traces(6);
	const module = binaryen.readBinary(bytes);
	module.setFeatures(
		binaryen.Features.Atomics |
			binaryen.Features.BulkMemory |
			binaryen.Features.BulkMemoryOpt |
			binaryen.Features.SignExt,
	);
	const original = module.emitText();
	play(assemble(original), text);
	const additions = [...original.matchAll(/\(i32\.add\b/g)];
	const tries = count(3, 80);
	let found = 0;
	for (let i = 0; i < tries; i++) {
		const { index } = additions[Math.floor((i * additions.length) / tries)] as RegExpMatchArray & {
			index: number;
		};
		const changed = `${original.slice(0, index)}(i32.sub${original.slice(index + 8)}`;
		try {
			play(assemble(changed), text);
		} catch {
			found++;
		}
	}
	// Some additions are in branches that only larger regions reach.
	assert.ok(found >= tries / 2, `${found} of ${tries} are found`);
});

/** Compiles the text of a core. Where a change makes a loop endless, it traps in the end. */
function assemble(text: string): WebAssembly.Module {
	const module = binaryen.parseText(text);
	module.setFeatures(
		binaryen.Features.Atomics |
			binaryen.Features.BulkMemory |
			binaryen.Features.BulkMemoryOpt |
			binaryen.Features.SignExt,
	);
	return new WebAssembly.Module(withFuel(module.emitBinary(), MANY) as Uint8Array<ArrayBuffer>);
}

test.run();
