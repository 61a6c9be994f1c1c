/** Compiles the core in memory from changed sources, to see how it behaves without one of its guards. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The file of the core, the text in it, which occurs once, and its replacement. */
export interface Change {
	file: string;
	text: string;
	replacement: string;
}

/** The part of the compiler that is used. Its own types declare AssemblyScript's globals, which are wrong here. */
interface Compiler {
	main(
		options: string[],
		files: {
			readFile(name: string): string | null;
			writeFile(name: string, contents: string | Uint8Array): void;
			listFiles(): string[];
		},
	): Promise<{ error: Error | null; stderr: unknown }>;
}

const compiler: string = "assemblyscript/asc";

const root = join(import.meta.dirname, "../../..");

/** @param helpers what the replacement needs beside, put at the end of its file */
export async function compileChanged({ file, text, replacement }: Change, helpers = ""): Promise<Uint8Array> {
	const outputs = new Map<string, Uint8Array>();
	const options = ["--target", "release", "--optimizeLevel", "1", "--outFile", "changed.wasm"];
	const { default: asc } = (await import(compiler)) as { default: Compiler };
	const { error, stderr } = await asc.main(["assembly/index.ts", ...options], {
		readFile: (name) => {
			let source: string;
			try {
				source = readFileSync(join(root, name), "utf8");
			} catch {
				return null;
			}
			if (name !== `assembly/${file}`) return source;
			const parts = source.split(text);
			if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${text}`);
			return parts.join(replacement) + helpers;
		},
		writeFile: (name, contents) => {
			outputs.set(name, typeof contents === "string" ? Buffer.from(contents) : contents);
		},
		listFiles: () => [],
	});
	const bytes = outputs.get("changed.wasm");
	if (error !== null || bytes === undefined) throw new Error(`${text} can't be changed: ${error} ${stderr}`);
	return bytes;
}
