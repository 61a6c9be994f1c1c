/** Every public name has an example in its docstring, which compiles, runs, and prints what it says. */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { long } from "../fixture/index.js";
import { type PublicName, programOf, publicNames } from "./examples.js";
import { compiled, errorsIn, userFolder } from "./user-folder.js";

const test = suite("examples");

const RUNNER = fileURLToPath(new URL("example-runner.js", import.meta.url));

let folder: string;
test.before(() => {
	folder = userFolder();
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** What is wrong with the examples of some names: one is missing, does not compile, fails, or prints something else. */
function problemsOf(names: readonly PublicName[]): string[] {
	const missing = names.filter(({ examples }) => examples.length === 0).map(({ name }) => `${name} has none`);
	const modules = new Map(names.map(({ name, module }) => [name, module]));
	// Methods that several classes have in common have one docstring.
	const nameOf = new Map(
		names.flatMap(({ name, examples }) => examples.map((code) => [code, name] as const)),
	);
	const paths = Array.from(nameOf, ([code, name], index) => {
		const path = join(folder, `${index}-${name}.ts`);
		writeFileSync(path, programOf(code, modules));
		return path;
	});
	const program = compiled(folder, paths, true);
	const errors = errorsIn(program);
	if (errors.length > 0) return [...missing, ...errors];
	program.emit();
	const programs = paths.map((path) => path.replace(/ts$/, "js"));
	const options = { encoding: "utf8", timeout: 300_000, killSignal: "SIGKILL" } as const;
	const { status, signal, stdout, stderr } = spawnSync(
		process.execPath,
		[RUNNER, folder, ...programs],
		options,
	);
	if (status === 0) return missing;
	const last = signal === null ? "" : `${stdout.trim().split("\n").at(-1)} ended with ${signal}: `;
	return [...missing, last + stderr];
}

long(test)("every public name has an example that compiles and runs", () => {
	const declarations = new Map(
		["dhmem", "dhmem/workflow", "dhmem/assets", "dhmem/esbuild"].map((module) => {
			const path = fileURLToPath(import.meta.resolve(module)).replace(/js$/, "d.ts");
			return [module, path];
		}),
	);
	const names = publicNames(compiled(folder, [...declarations.values()]), declarations);
	assert.ok(names.length > 100);
	assert.equal(problemsOf(names), []);
});

test("a name without an example is noticed, also a method that is static or inherited", () => {
	const path = join(folder, "undocumented.d.ts");
	writeFileSync(
		path,
		`declare abstract class Base { inherited(): void; protected hidden(): void; property: number; }
		export declare class Derived extends Base { static made(): Derived; [Symbol.iterator](): never; }
		export type Alias = string;
		export {};`,
	);
	const declarations = new Map([["undocumented", path]]);
	const names = publicNames(compiled(folder, [path]), declarations);
	assert.equal(
		problemsOf(names),
		["Derived", "Derived.made", "Derived.inherited", "Alias"].map((name) => `${name} has none`),
	);
});

for (const [what, code, problem] of [
	["does not compile", 'const count: number = "one";', /not assignable to type 'number'/],
	[
		"fails",
		'region.queue("params", { capacity: 1024 }).producer().end();\nregion.struct("params");',
		/TYPE_MISMATCH/,
	],
	["prints something else", "console.log(region.name); // weather", /does not print weather, but climate/],
] as const) {
	long(test)(`an example that ${what} is noticed`, () => {
		const names = [
			{ name: "Region", module: "dhmem", examples: [] },
			{ name: "wrong", module: "dhmem", examples: [code] },
		];
		const [missing, found = ""] = problemsOf(names);
		assert.is(missing, "Region has none");
		assert.match(found, problem);
	});
}

test.run();
