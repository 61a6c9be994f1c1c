/** The other process of `saved.test.ts`. */
import { Region } from "dhmem";
import { type Scenario, serve, type Talk } from "../fixture/index.js";

function load(talk: Talk, name: string, ...tokens: string[]): void {
	const region = Region.open(name, { mode: "open" });
	const [params = "", field = "", vector = ""] = tokens;
	const struct = region.load(params, { a: "f64", kind: "u32" });
	const array = region.load(field);
	const numbers = region.load(vector, "u64");
	if (array.kind !== "array" || numbers.kind !== "vector") throw new Error("they are of another kind");
	const seen = [struct.a, array.kind, array.shape, array.get(1, 2), numbers.kind, `${numbers.at(0)}`];
	struct.a = 2.5;
	array.set(1, 2, -6);
	numbers.push(6n);
	region.close();
	talk.say(seen);
}

const scenarios: Record<string, Scenario> = { load };
serve(import.meta.url, scenarios);
