// dhmem's types under compilers of several ages, with strict settings, and what linters of packages say.
import { join } from "node:path";

const strict = [
	"--noEmit --strict --skipLibCheck false --target es2022 --exactOptionalPropertyTypes --noUncheckedIndexedAccess",
	"--isolatedModules --verbatimModuleSyntax --noImplicitOverride --noImplicitReturns --noUnusedLocals",
	"--noUnusedParameters --noPropertyAccessFromIndexSignature",
].flatMap((line) => line.split(" "));

/** By how modules are resolved, which libraries of TypeScript there are, and whether Node's types are. */
const settings = [
	["--module nodenext", "es2022", "node"],
	["--module esnext --moduleResolution bundler", "es2022,dom", "node"],
	["--module nodenext", "es2022,dom", ""],
	["--module esnext --moduleResolution bundler", "es2022", ""],
];

export async function types({ tools, node, project, succeeds }, tarball) {
	for (const version of ["5.2", "5.6", "5.9", "6.0", "7.0"]) {
		for (const [modules, lib, declared] of settings) {
			const given =
				declared === ""
					? ["--typeRoots", join(project, "none")]
					: ["--types", declared, "--typeRoots", join(tools, "@types")];
			const flags = [...strict, ...modules.split(" "), "--lib", lib, ...given];
			if (Number(version) >= 6) flags.push("--ignoreConfig");
			const tsc = join(tools, `typescript${version}/bin/tsc`);
			const what = `TypeScript ${version} ${modules} --lib ${lib} --types ${declared}`;
			await succeeds(what, project, [node, tsc, "main.mts", ...flags]);
		}
	}
	await succeeds("publint", project, [node, join(tools, "publint/src/cli.js"), "run", "--strict", tarball]);
	const attw = join(tools, "@arethetypeswrong/cli/dist/index.js");
	await succeeds("attw", project, [
		node,
		attw,
		tarball,
		"--profile",
		"esm-only",
		// The last, because it takes all that follow.
		"--exclude-entrypoints",
		"core.wasm",
	]);
}
