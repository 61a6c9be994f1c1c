/** `dhmem top` on a terminal of its own, which `script` provides. */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { childrenOf, DHMEM, long, PATIENCE, type Place, placeTest, processEnd } from "../fixture/index.js";

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";

/** Starts `dhmem top` with 80 columns and 24 rows. `shown` resolves when the first picture is there. */
function start(place: Place) {
	const command = `stty cols 80 rows 24; exec ${process.execPath} ${DHMEM} top --interval 0.05`;
	const terminal = spawn("script", ["-qefc", command, "/dev/null"], {
		env: { ...process.env, DHMEM_DIR: place.regions, SHELL: "/bin/sh", TERM: "xterm-256color" },
		stdio: ["pipe", "pipe", "ignore"],
		timeout: PATIENCE,
		killSignal: "SIGKILL",
	});
	const output = text(terminal.stdout);
	const shown = new Promise<void>((resolve) => {
		let seen = "";
		terminal.stdout.on("data", (chunk) => {
			seen += chunk;
			if (seen.includes("q quit")) resolve();
		});
	});
	const ended = new Promise<number | null>((resolve) => terminal.once("close", resolve));
	return { terminal, output, shown, ended };
}

placeTest("q quits, and the terminal is as it was", async (place) => {
	const { terminal, output, shown, ended } = start(place);
	await shown;
	terminal.stdin.write("q");
	assert.is(await ended, 0);
	const all = await output;
	assert.ok(all.includes(ENTER));
	assert.match(all, "There are no regions in");
	assert.ok(all.trimEnd().endsWith(LEAVE), JSON.stringify(all.slice(-40)));
});

for (const [signal, status] of [
	["SIGTERM", 143],
	["SIGINT", 130],
	["SIGHUP", 129],
] as const) {
	placeTest(`after ${signal} the terminal is as it was`, async (place) => {
		const { terminal, output, shown, ended } = start(place);
		await shown;
		const [pid = 0] = childrenOf(terminal);
		process.kill(pid, signal);
		await processEnd(pid);
		assert.is(await ended, status);
		const all = await output;
		assert.ok(all.trimEnd().endsWith(LEAVE), JSON.stringify(all.slice(-40)));
	});
}

long(placeTest)("Ctrl-C ends it as the signal would", async (place) => {
	const { terminal, shown, ended } = start(place);
	await shown;
	terminal.stdin.write("\u0003");
	assert.is(await ended, 130);
});

long(placeTest)("where there is no terminal, one picture is printed", async (place) => {
	const { code, stdout, stderr } = await place.run(["top", "--interval", "0.1"]);
	assert.is(code, 0, stderr);
	assert.match(stdout, /^0 regions .*\n\nThere are no regions in .*\n.*\n$/);
	const nothing = await place.run(["top", "nothing", "--json", "--interval", "0.1"]);
	assert.is(nothing.code, 1);
	const json = JSON.parse(nothing.stdout);
	assert.is(json.regions[0].error.code, "DHMEM_NOT_FOUND");
	for (const interval of ["0", "x", "-1"])
		assert.is((await place.run(["top", "--interval", interval])).code, 2);
});

test.run();
