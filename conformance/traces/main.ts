/**
 * Records traces to standard output, or plays those of standard input.
 *
 *     node dist/conformance/traces/main.js record CALLS [FIRST SEED] >traces.txt
 *     node dist/conformance/traces/main.js play <traces.txt
 */
import { readFileSync, writeSync } from "node:fs";
import { play } from "./player.js";
import { record } from "./scenario.js";

/** Steps of a trace. Each is a few calls. */
const STEPS = 400;

const core = new WebAssembly.Module(readFileSync("dist/core.wasm"));
const [what, count = "5000", first = "1"] = process.argv.slice(2);
if (what === "record") {
	let calls = 0;
	for (let seed = Number(first); calls < Number(count); seed++) {
		const trace = record(core, seed, STEPS);
		calls += trace.calls;
		writeAll(trace.finish());
	}
} else if (what === "play") {
	const { traces, calls, traps } = play(core, readFileSync(0, "utf8"));
	console.log(`${traces} traces, ${calls} calls, ${traps} traps: the same results and memory`);
} else {
	console.error("Say record CALLS [FIRST SEED], or play");
	process.exitCode = 1;
}

/** Also to a pipe that is full. */
function writeAll(text: string): void {
	const bytes = Buffer.from(text);
	for (let at = 0; at < bytes.length; ) {
		try {
			at += writeSync(1, bytes, at);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
		}
	}
}
