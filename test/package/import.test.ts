/** What importing dhmem does to a program: it loads little, and does nothing else. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
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

/** Prints the address of every module that is loaded. */
const WATCH = `
	import { writeSync } from "node:fs";
	export async function resolve(specifier, context, next) {
		const found = await next(specifier, context);
		writeSync(1, found.url + "\\n");
		return found;
	}
`;

/** The package as it is published; "npm run build" makes it. */
const published = new URL("../../package/dist/src/", import.meta.url).href;

for (const module of ["index.js", "assets.js", "workflow/index.js"]) {
	test(`importing ${module} of the package loads few files, no package, and nothing of the command line`, () => {
		const url = new URL(module, published).href;
		const watch = `data:text/javascript,${encodeURIComponent(WATCH)}`;
		const source = `
			import { register } from "node:module";
			register(${JSON.stringify(watch)});
			await import(${JSON.stringify(url)});
		`;
		const flags = ["--no-warnings", "--input-type=module", "-e", source];
		const loaded = execFileSync(process.execPath, flags, { encoding: "utf8" }).trim().split("\n");
		assert.ok(loaded.includes(url));
		assert.equal(
			loaded.filter((each) => each.includes("/node_modules/")),
			[],
		);
		const files = new Set(loaded.filter((each) => each.startsWith(published)));
		assert.ok(files.size <= 4, [...files].join("\n"));
		const sources = Array.from(files, sourcesOf).flat();
		assert.ok(sources.some((each) => each.endsWith("/src/errors.ts")));
		const rooms = ["cli", "doctor", "export", "runner", "verify"];
		assert.equal(
			sources.filter((each) => rooms.some((room) => each.includes(`/src/${room}/`))),
			[],
		);
	});
}

/** The sources of a bundled file, as its source map names them. */
function sourcesOf(url: string): string[] {
	return JSON.parse(readFileSync(new URL(`${url}.map`), "utf8")).sources;
}

test("the entry points of the package share their classes", async () => {
	const load = (module: string) => import(new URL(module, published).href);
	const [{ DhmemError }, { Task }, { useAssets }] = await Promise.all(
		["index.js", "workflow/index.js", "assets.js"].map(load),
	);
	assert.throws(
		() => useAssets({ core: "/none" }),
		(error: unknown) => error instanceof DhmemError,
	);
	assert.throws(
		() => Task.fromEnvironment({ tasks: 1 }),
		(error: unknown) => error instanceof DhmemError,
	);
});

test("the classes of the package have the names that they are exported by", async () => {
	const exported: Record<string, unknown> = await import(new URL("index.js", published).href);
	const classes = Object.entries(exported).filter(([name]) => /^[A-Z]/.test(name));
	assert.ok(classes.length > 10);
	for (const [name, each] of classes) assert.is((each as { name: string }).name, name);
});

test("errors of the package tell the lines of the TypeScript sources", () => {
	const program = `import { Region } from ${JSON.stringify(new URL("index.js", published).href)}; Region.open("")`;
	const flags = ["--enable-source-maps", "--input-type=module", "-e", program];
	const { stderr } = spawnSync(process.execPath, flags, { encoding: "utf8" });
	const [, file = "", line] = /at .*?(\/[^():]+\.ts):(\d+)/.exec(stderr) ?? [];
	assert.match(file, /\/dist\/package\/src\/[\w/-]+\.ts$/, stderr);
	assert.match(readFileSync(file, "utf8").split("\n")[Number(line) - 1] ?? "", /throw|new |return/);
});

test.run();
