// Checks that a file of the library for C calls only into files above it in the list that opens src/internal.h, so there are
// no cycles: `node scripts/check-c-layers.mjs SOURCES OBJECTS`, the folders of its sources and of its compiled files.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkCalls, listedFiles } from "./c-calls.mjs";

const [sources, objects] = process.argv.slice(2);
const order = listedFiles(readFileSync(join(sources, "internal.h"), "utf8"));
const files = readdirSync(sources).filter((file) => file.endsWith(".c"));
const { calls, problems } = checkCalls(
	order,
	new Map(files.map((file) => [file, join(objects, file.replace(/\.c$/, ".o"))])),
);
for (const problem of problems) console.error(problem);
if (problems.length === 0)
	console.log(`the library for C: ${calls} calls between files, all upwards in the list`);
process.exitCode = problems.length === 0 ? 0 : 1;
