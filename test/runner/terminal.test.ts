/** What the command line does on a terminal. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { childrenOf, DHMEM, PATIENCE, placeTest, processEnd } from "../fixture/index.js";

/** Bytes that a process has written so far. */
function written(pid: number): number {
	return Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
}

placeTest("a signal ends a run whose terminal nobody reads", async (place) => {
	const file = place.write("talk.yaml", "name: talk\ntasks: { talk: { command: [seq, '1000000000'] } }\n");
	// A terminal of its own, which `script` reads as long as its own output is read.
	const terminal = spawn("script", ["-qfc", `exec ${process.execPath} ${DHMEM} run ${file}`, "/dev/null"], {
		env: { ...process.env, DHMEM_DIR: place.regions, SHELL: "/bin/sh" },
		stdio: ["pipe", "pipe", "ignore"],
		timeout: PATIENCE,
		killSignal: "SIGKILL",
	});
	await place.participants(1);
	const [pid = 0] = childrenOf(terminal);
	for (let before = 0; before < 4096 || before !== written(pid); ) {
		before = written(pid);
		await sleep(500);
	}
	process.kill(pid, "SIGTERM");
	await processEnd(pid);
	// A terminal that was ended by its time limit would have ended the run with it.
	assert.is(terminal.signalCode, null);
	terminal.kill("SIGKILL");
});

test.run();
