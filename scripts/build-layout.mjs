// Makes assembly/layout.h, the constants of assembly/layout.ts for C, to commit with it.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const assembly = join(import.meta.dirname, "../assembly");

/** What every name begins with. */
const PREFIX = "CORE_";

/** The header for the text of layout.ts. Comments stay where they are. */
function headerOf(typescript) {
	const lines = typescript.split("\n").map((line) => {
		const constant = /^export const (\w+): u32 = (0x[0-9a-f]+|\d+);(?: \/\/ *(.*))?$/.exec(line);
		if (constant !== null) {
			const [, name, value, comment] = constant;
			const definition = `#define ${PREFIX}${name} ${value}u`;
			return comment === undefined ? definition : `${definition.padEnd(42)} /* ${comment} */`;
		}
		const isComment = /^(\/\*\*| \*|\/\*\* .* \*\/$)/.test(line);
		if (line.startsWith("// ")) return `/* ${line.slice(3)} */`;
		if (line !== "" && !isComment) throw new Error(`layout.ts has a line that is not understood: ${line}`);
		return line.replace(/^\/\*\*/, "/*");
	});
	return [
		"/* Made from layout.ts by scripts/build-layout.mjs: don't edit it. In comments, names lack their CORE_. */",
		"#ifndef DHMEM_LAYOUT_H",
		"#define DHMEM_LAYOUT_H",
		"",
		...lines,
		"#endif",
		"",
	].join("\n");
}

writeFileSync(join(assembly, "layout.h"), headerOf(readFileSync(join(assembly, "layout.ts"), "utf8")));
