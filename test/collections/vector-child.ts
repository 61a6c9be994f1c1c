/** A process that works on the vector of `vector.test.ts`: `node vector-child.js REGION JOB COUNT`. */
import { Region } from "dhmem";

const [name = "", job = "", count = "0"] = process.argv.slice(2);
const region = Region.open(name, { mode: "open" });
const vector = region.vector("values", "f64");

if (job === "push") {
	for (let i = 0; i < Number(count); i++) vector.push(process.pid + i / 2 ** 20);
} else {
	// Every element says where it is, so an element that was read from an old place is noticed.
	let wrong = 0;
	let reads = 0;
	process.stdout.write("reading\n");
	for (let length = 0; length < Number(count); reads++) {
		length = vector.length;
		const index = (reads * 7919) % (length || 1);
		const value = vector.at(index);
		if (value !== undefined && value !== index) wrong++;
		if (reads % 64 === 0 && [...vector].some((each, at) => each !== at)) wrong++;
	}
	process.stdout.write(`${wrong}\n`);
}
region.close();
