/** The other processes of `remove.test.ts`. */
import { Region } from "dhmem";
import { type Scenario, serve, type Talk } from "../fixture/index.js";

/** Opens a field and a queue, prints what it sees, and stays until it is told to go, or without end. */
async function keep(talk: Talk, name: string): Promise<void> {
	const region = Region.open(name, { mode: "open" });
	const field = region.array("field", { dtype: "u32" });
	const producer = region.queue("queue").producer();
	talk.say(field.get(0));
	await talk.hear();
	producer.trySend("after its removal");
	field.set(0, field.get(0) + 1);
	talk.say([field.get(0), field.data.length]);
	await talk.hear();
	region.close();
	talk.say("gone");
}

/** Constructs, uses and removes objects of a few names, as others do at the same time. */
function churn(talk: Talk, name: string, number: string, turns: string): void {
	const region = Region.open(name, { mode: "open" });
	const mine = Number(number);
	for (let turn = 0; turn < Number(turns); turn++) {
		const key = `object ${(turn * 7 + mine) % 12}`;
		const struct = region.struct(key, { turn: "u32", by: "u32" });
		struct.turn = turn;
		struct.by = mine;
		// What is open stays, whoever removes it, and nobody else gets it.
		if (turn % 3 === 0) region.remove(key);
		const own = region.array(`own ${mine}`, {
			dtype: "u32",
			shape: [50 + (turn % 50)],
			initial: Array(50 + (turn % 50)).fill(mine),
		});
		if (own.data.some((value) => value !== mine))
			throw new Error("somebody wrote into an array that nobody else has");
		region.remove(`own ${mine}`);
		const map = region.map(`map ${turn % 3}`, { key: "u32", value: "string" });
		map.set(mine, "x".repeat(turn % 200));
		if (turn % 5 === 0) region.remove(`map ${turn % 3}`);
	}
	region.close();
	talk.say("done");
}

const scenarios: Record<string, Scenario> = { keep, churn };
serve(import.meta.url, scenarios);
