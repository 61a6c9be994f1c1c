// Which C file calls into which, by the symbols of their object files. Needs binutils' nm.
import { execFileSync } from "node:child_process";

/** Returns the files in the order of a header's list, whose lines look like ` *	lock.c	locks …`. */
export function listedFiles(header) {
	const lines = header.match(/^ \*\t[\w-]+\.c\b.*/gm) ?? [];
	return lines.flatMap((line) => line.split("\t")[1].split(", "));
}

/** Returns the symbols that an object file exports, and those that it uses. */
function symbols(object) {
	const lines = execFileSync("nm", ["-g", object], { encoding: "utf8" }).trim().split("\n");
	const entries = lines.map((line) => line.trim().split(/\s+/).slice(-2));
	const named = (wanted) => entries.filter(([type]) => (type === "U") === wanted).map(([, name]) => name);
	return { defined: named(false), used: named(true) };
}

/**
 * Returns the number of calls between the files, and what is wrong: a file that is not in the list or not there, and each
 * call into a file that is not above the caller in the list.
 *
 * @param order the files as they are listed
 * @param objects the object file of each file that is there
 */
export function checkCalls(order, objects) {
	const problems = [];
	for (const file of objects.keys())
		if (!order.includes(file)) problems.push(`${file} is missing from its list`);
	for (const file of order) if (!objects.has(file)) problems.push(`${file} is listed but does not exist`);
	const found = Array.from(objects, ([file, object]) => ({ file, ...symbols(object) }));
	const owners = new Map(found.flatMap(({ file, defined }) => defined.map((symbol) => [symbol, file])));
	let calls = 0;
	for (const { file, used } of found) {
		for (const symbol of used) {
			const owner = owners.get(symbol);
			if (owner === undefined) continue;
			calls++;
			if (order.indexOf(owner) >= order.indexOf(file)) {
				problems.push(`${file} calls ${symbol}() in ${owner}, which is not above it`);
			}
		}
	}
	return { calls, problems };
}
