/** Which test files have long counts, so that `npm run test:long` leaves out the others, which `npm test` has run. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** What test/fixture/long.ts exports. */
const exported = Object.keys(await import(pathToFileURL("dist/test/fixture/long.js")));

/** Whether a compiled test, or a module of the tests that it names, imports something of test/fixture/long.ts. */
export function hasLongCounts(path) {
	const paths = new Set([path]);
	// A set goes on with what is added to it meanwhile.
	for (const from of paths) {
		const text = readFileSync(from, "utf8");
		if (importsOne(text)) return true;
		for (const named of modulesNamed(text, from)) paths.add(named);
	}
	return false;
}

function importsOne(text) {
	const imports = [...text.matchAll(/^import ([^;]*?) from "[^"]*fixture\/(?:index|long)\.js"/gm)];
	const names = imports.flatMap(([, what]) => what.match(/[\w*]+/g) ?? []);
	return names.some((name) => name === "*" || exported.includes(name));
}

/** The modules of the tests that are named in a text, for whatever reason: imports, and programs that are started. */
function modulesNamed(text, from) {
	const files = [...text.matchAll(/["'`/]([\w./-]+\.js)["'`]/g)].map(([, name]) => join(dirname(from), name));
	const programs = [...text.matchAll(/program\("([\w-]+)"/g)].map(([, name]) =>
		join("dist/test/workflow", `${name}.js`),
	);
	return [...files, ...programs].filter((path) => path.startsWith("dist/test/") && existsSync(path));
}
