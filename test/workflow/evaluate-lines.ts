/** A program that knows nothing of dhmem: lines with a and x in, lines with a, x, x² - a and 2x out. */
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
	const [a = Number.NaN, x = Number.NaN] = line.split(" ").map(Number);
	console.log([a, x, x * x - a, 2 * x].join(" "));
}
