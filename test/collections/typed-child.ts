/** A process that opens what `struct.test.ts` and `array.test.ts` share: `node typed-child.js REGION JOB …`. */
import { Region } from "dhmem";

const [name = "", job = "", parameter = ""] = process.argv.slice(2);
using region = Region.open(name, { mode: "open" });

if (job === "fill") {
	const params = region.struct("params", { a: "f64", step: "u32", seed: "u64" });
	const field = region.array("field", { dtype: "f64", shape: [10, 3] });
	process.stdout.write(`${params.a} ${params.seed} ${field.get(9, 2)}`);
	params.step = 42;
	params.seed = 2n ** 64n - 1n;
	field.set(9, 1, -1.5);
} else if (job === "count") {
	const counts = region.array("counts", { dtype: "i32" }).data;
	for (let i = 0; i < Number(parameter); i++) Atomics.add(counts, i % counts.length, 1);
} else {
	// Everyone tries to make each of them, with values that say who it was.
	const winners = [];
	for (let i = 0; i < Number(parameter); i++) {
		const me = process.pid;
		const it = region.struct(
			`race-${i}`,
			{ a: "u32", b: "f64", c: "u32" },
			{ initial: { a: me, b: me, c: me } },
		);
		const numbers = region.array(`numbers-${i}`, {
			dtype: "u32",
			shape: [100],
			initial: Array(100).fill(me),
		});
		winners.push({ ...it, numbers: [...new Set(numbers.data)] });
	}
	process.stdout.write(JSON.stringify(winners));
}
