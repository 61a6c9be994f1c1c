/** The other processes of `read-only.test.ts`. */
import { Region } from "dhmem";
import { becomeUser, type Scenario, serve, type Talk } from "../fixture/index.js";

/** As another user, opens the region in a mode, and prints what it reads in it. */
function readAs(talk: Talk, name: string, mode: string, user: string): void {
	becomeUser(Number(user));
	try {
		const region = Region.open(name, { mode: mode as "read-only" });
		talk.say([region.struct("params", { a: "f64", step: "u32" }).a, region.entries().length]);
		region.close();
	} catch (error) {
		talk.say([(error as { code: string }).code, (error as Error).message]);
	}
}

/** Grows a vector and changes a map, and says so now and then, until it is killed. */
function change(talk: Talk, name: string): void {
	const region = Region.open(name, { mode: "open" });
	const vector = region.vector("vector", "f64");
	const map = region.map("map", { key: "string", value: "string" });
	for (let i = 0; ; i++) {
		vector.push(i);
		map.set(`key ${i % 100}`, `${i}`.repeat(1 + (i % 50)));
		if (i % 7 === 0) map.delete(`key ${(i * 3) % 100}`);
		if (vector.length > 50_000) vector.resize(0);
		if (i === 1000) talk.say("changing");
	}
}

const scenarios: Record<string, Scenario> = { readAs, change };
serve(import.meta.url, scenarios);
