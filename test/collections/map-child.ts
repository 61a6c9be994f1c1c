/** A process that works on the map of `map.test.ts`: `node map-child.js REGION JOB COUNT`. */
import { Region } from "dhmem";
import { runModel } from "./map-model.js";

const [name = "", job = "", count = "0"] = process.argv.slice(2);
const region = Region.open(name, { mode: "open" });

if (job === "update") {
	const map = region.map("counts", { key: "u32", value: "f64" });
	for (let i = 0; i < Number(count); i++) map.update(i % 17, (old) => (old ?? 0) + 1);
} else if (job === "model") {
	runModel(
		region.map("shared", { key: "string", value: "string" }),
		`${process.pid}`,
		Number(count),
		process.pid,
	);
} else {
	// Both values of a pair are changed by one update each, so a kill leaves them at most one apart.
	const map = region.map("endless", { key: "string", value: "string" });
	for (let i = 0; ; i++) map.set(`key ${i % 500}`, `${i % 500}:${"x".repeat(i % 300)}`);
}
region.close();
