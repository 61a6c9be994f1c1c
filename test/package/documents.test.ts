/** README and docs against what is so: programs that they show run or compile, figures agree, links lead somewhere. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { measures } from "../../bench/measures/index.js";

const test = suite("documents");

const PROJECT = fileURLToPath(new URL(".", import.meta.resolve("dhmem/package.json")));
const CLI = join(PROJECT, "dist/src/cli/main.js");

const read = (path: string) => readFileSync(join(PROJECT, path), "utf8");
const README = read("README.md");

/** A user's folder in which dhmem is installed. */
let folder: string;
test.before(() => {
	folder = mkdtempSync("/dev/shm/dhmem-documents-");
	mkdirSync(join(folder, "node_modules/@types"), { recursive: true });
	symlinkSync(PROJECT, join(folder, "node_modules/dhmem"));
	symlinkSync(join(PROJECT, "node_modules/@types/node"), join(folder, "node_modules/@types/node"));
	writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** The code blocks of a document in one language. */
function blocks(document: string, language: string): string[] {
	return [...document.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(
		([, code = ""]) => code,
	);
}

function start(program: string): ChildProcess {
	return spawn(process.execPath, [program], {
		cwd: folder,
		env: { ...process.env, DHMEM_DIR: folder },
		stdio: ["ignore", "pipe", "inherit"],
		timeout: 60_000,
	});
}

const programs = ["simulate.mjs", "analyse.mjs"];
for (const order of [programs, programs.toReversed()]) {
	test(`the first program of the README works, ${order[0]} started first`, async () => {
		for (const name of programs) {
			const code = blocks(README, "js").find((block) => block.startsWith(`// ${name}\n`));
			assert.ok(code, name);
			writeFileSync(join(folder, name), code);
		}
		const first = start(order[0] as string);
		const output = new Map([[order[0], text(first.stdout as NonNullable<typeof first.stdout>)]]);
		// The first has made the region and waits, or is done, before the second is there.
		while (!existsSync(join(folder, "climate.dhmem"))) await new Promise(setImmediate);
		const second = start(order[1] as string);
		output.set(order[1], text(second.stdout as NonNullable<typeof second.stdout>));
		const ended = await Promise.all([first, second].map((child) => once(child, "exit")));
		assert.equal(ended, [
			[0, null],
			[0, null],
		]);
		const lines = Array.from({ length: 10 }, (_, step) => `step ${step}: ${(step / 10).toFixed(2)}\n`);
		assert.is(await output.get("analyse.mjs"), lines.join(""));
		execFileSync(process.execPath, [CLI, "rm", "climate"], { env: { ...process.env, DHMEM_DIR: folder } });
		assert.not(existsSync(join(folder, "climate.dhmem")));
	});
}

/** What the snippets take for granted. */
const CONTEXT = `import { Region, type Block } from "dhmem";
declare function render(block: Block): void;
declare function evaluate(guess: Float64Array): Float64Array;
`;

test("the TypeScript of README and docs compiles", () => {
	const paths = ["README.md", "docs/workflows.md", "docs/containers.md"].flatMap((document) =>
		blocks(read(document), "ts").map((code, index) => {
			const path = join(folder, `${document.replace("/", "-")}-${index}.ts`);
			writeFileSync(path, `${CONTEXT}${code}\nexport {};\n`);
			return path;
		}),
	);
	assert.ok(paths.length >= 4);
	const program = ts.createProgram(paths, {
		target: ts.ScriptTarget.ES2022,
		lib: ["lib.es2024.d.ts", "lib.esnext.disposable.d.ts"],
		module: ts.ModuleKind.NodeNext,
		types: ["node"],
		typeRoots: [join(folder, "node_modules/@types")],
		strict: true,
		skipLibCheck: true,
		noEmit: true,
	});
	const errors = ts.getPreEmitDiagnostics(program).map(({ messageText, file, start = 0 }) => {
		const line = file?.text.slice(0, start).split("\n").length;
		return `${file?.fileName}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
	});
	assert.equal(errors, []);
});

/** The cells of a table's row that begins with `first`. */
function row(document: string, first: string): string[] {
	const line = document.split("\n").find((each) => each.startsWith(`| ${first} `));
	assert.ok(line, first);
	return line.split("|").map((cell) => cell.trim());
}

test("the README's figures are those of docs/performance.md", () => {
	const performance = read("docs/performance.md");
	const shown = measures.filter(({ short }) => short !== undefined);
	assert.is(shown.length, 6);
	for (const { title, short = "" } of shown) {
		const [, , ratio, peer, figures] = row(README, short);
		const [, , ours = "", , measured = "", others = ""] = row(performance, title);
		const [, full, to] = /^(\S+) \(.*?\) × (.*) [✓✗]$/.exec(measured) ?? [];
		assert.match(ratio ?? "", `**${full} ×** the `);
		assert.is(peer, to);
		const [dhmem = "", theirs = ""] = figures?.split(" against ") ?? [];
		assert.ok(ours.startsWith(`${dhmem} (`), `${title}: ${dhmem}`);
		assert.ok(others.split("; ").includes(`${to}: ${theirs}`), `${title}: ${theirs}`);
	}
});

/** A heading's anchor, as GitHub makes it. */
function anchor(heading: string): string {
	return heading
		.toLowerCase()
		.replace(/[^\p{L}\p{N} _-]/gu, "")
		.replaceAll(" ", "-");
}

const documents = [".", "docs", "examples"].flatMap((within) =>
	readdirSync(join(PROJECT, within), { recursive: within !== "." })
		.filter((name): name is string => typeof name === "string" && name.endsWith(".md"))
		.map((name) => join(within, name)),
);

test("relative links in documents lead to a file, and to a heading where they name one", () => {
	assert.ok(documents.length > 10);
	for (const document of documents) {
		const prose = read(document).replaceAll(/^```.*?^```/gms, "");
		for (const [, target = ""] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
			if (/^https?:/.test(target)) continue;
			const [path = "", heading] = target.split("#");
			const file = path === "" ? document : join(dirname(document), path);
			assert.ok(existsSync(join(PROJECT, file)), `${document} links to ${target}`);
			if (heading === undefined) continue;
			const headings = read(file).match(/(?<=^#+ ).*$/gm) ?? [];
			assert.ok(headings.map(anchor).includes(heading), `${document} links to ${target}`);
		}
	}
});

test.run();
