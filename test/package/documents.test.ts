/** README and docs compared with reality: their programs run or compile, figures agree, and links lead somewhere. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { measures } from "../../bench/measures/index.js";
import { DHMEM, long, some } from "../fixture/index.js";
import { compiled, errorsIn, PROJECT, userFolder } from "./user-folder.js";

const test = suite("documents");

const read = (path: string) => readFileSync(join(PROJECT, path), "utf8");
const README = read("README.md");

let folder: string;
test.before(() => {
	folder = userFolder();
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
		timeout: 300_000,
	});
}

const programs = ["simulate.mjs", "analyse.mjs"];
for (const order of some([programs, programs.toReversed()], 2)) {
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
		execFileSync(process.execPath, [DHMEM, "rm", "climate"], { env: { ...process.env, DHMEM_DIR: folder } });
		assert.not(existsSync(join(folder, "climate.dhmem")));
	});
}

/** What the snippets assume. */
const CONTEXT = `import { Region, type Block } from "dhmem";
declare function render(block: Block): void;
declare function evaluate(guess: Float64Array): Float64Array;
`;

long(test)("the TypeScript of README and docs compiles", () => {
	const paths = ["README.md", "docs/workflows.md", "docs/containers.md", "docs/watching.md"].flatMap(
		(document) =>
			blocks(read(document), "ts").map((code, index) => {
				const path = join(folder, `${document.replace("/", "-")}-${index}.ts`);
				writeFileSync(path, `${CONTEXT}${code}\nexport {};\n`);
				return path;
			}),
	);
	assert.ok(paths.length >= 4);
	assert.equal(errorsIn(compiled(folder, paths)), []);
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
	assert.is(shown.length, 9);
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
