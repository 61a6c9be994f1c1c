/** A process of a contender: `node worker.js MODULE WORK PART PLACE`. See `pair.ts`. */
import { type Job, Missing } from "./measure.js";
import type { Answer, Part, Works } from "./pair.js";

const [from, work, part, place] = process.argv.slice(2) as [string, string, Part, string];
const answer = (what: Answer) => process.send?.(what);

// The process ends when the driver is gone.
process.once("disconnect", () => process.exit(1));

async function begin(): Promise<void> {
	const { works } = (await import(from)) as { works: Works };
	const half = works[work]?.[part];
	if (half === undefined) {
		if (part === "measure") throw new Error(`${from} has no work ${work}`);
		answer({ kind: "none" });
		return;
	}
	const run = await half(place);
	process.on("message", async (job: Job) => {
		try {
			answer({ kind: "done", figure: (await run(job)) ?? undefined });
		} catch (error) {
			answer({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
		}
	});
	answer({ kind: "ready" });
}

try {
	await begin();
} catch (error) {
	const reason = error instanceof Error ? error.message : String(error);
	answer({ kind: error instanceof Missing ? "missing" : "failed", reason });
}
