/** `dhmem run` when things around it go wrong: what it starts, and what reads its output. */
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { childrenOf, long, type Place, placeTest, processEnd } from "../fixture/index.js";

/** A task that runs until it is ended, and knows nothing of dhmem. */
const endless = { command: ["tail", "-f", "/dev/null"] };

// ------------------------------------------------------------------------------------- what does not start

for (const [what, task, why] of [
	["a name with a zero byte", { command: ["a\0b"] }, "without null bytes"],
	["a folder that is a file", { command: "true", directory: "run.json" }, "there is no folder"],
	["no interpreter", { command: "./no-interpreter" }, "./no-interpreter is there, but not the program"],
	["no permission to execute", { command: "./no-program" }, "chmod +x"],
	[
		"more than the kernel takes",
		{ command: "true", environment: { A: "x".repeat(300_000) } },
		"128 KiB each",
	],
] as const) {
	placeTest(`a task that can't start, with ${what}, is named, and the others are ended`, async (place) => {
		writeFileSync(join(place.folder, "no-interpreter"), "#!/nowhere/python\n", { mode: 0o755 });
		writeFileSync(join(place.folder, "no-program"), "echo\n", { mode: 0o644 });
		const { code, stderr } = await run(place, { wrong: task, other: endless });
		assert.is(code, 127);
		assert.match(stderr, /wrong did not start: .*; stopping the others/);
		assert.match(stderr, why);
		assert.match(stderr, "other was ended by SIGTERM");
	});
}

placeTest("$DHMEM_DIR may be relative, though tasks have working folders of their own", async (place) => {
	mkdirSync(join(place.folder, "regions"));
	mkdirSync(join(place.folder, "elsewhere"));
	const tasks = { there: { command: "dhmem stat $DHMEM_REGION", directory: "elsewhere" } };
	const { code, stderr } = await run(place, tasks, { DHMEM_DIR: "regions" });
	assert.is(code, 0, stderr);
});

// ------------------------------------------------------------------------------------------------- output

long(placeTest)(
	"a reader that stops reading ends the run and its tasks, as it would end any program",
	async (place) => {
		const file = place.write("run.json", { name: "x", tasks: { loud: { command: "yes" }, other: endless } });
		const { stdout, stderr } = await place.shell(`(dhmem run ${file}; echo status $? >&2) | head -n 1`);
		assert.is(stdout, "loud  | y\n");
		assert.match(stderr, "other was ended by SIGTERM");
		assert.match(stderr, "status 141\n");
		assert.not.match(stderr, "EPIPE");
	},
);

long(placeTest)("output that can't be written ends the run, and is named", async (place) => {
	const file = place.write("run.json", { name: "x", tasks: { loud: { command: "yes" } } });
	const { code, stderr } = await place.shell(`dhmem run ${file} > /dev/full`);
	assert.is(code, 1);
	assert.match(stderr, "loud was ended by SIGTERM");
	assert.match(stderr, "ENOSPC");
});

long(placeTest)(
	"what nobody reads yet is not gathered, the task waits, and nothing of it is lost",
	async (place) => {
		const lines = 3_000_000;
		const tasks = { loud: { command: `yes | head -n ${lines}` } };
		const { child, ended } = place.unread(["run", place.write("run.json", { name: "x", tasks })]);
		assert.ok(child.stdout && child.pid);
		await once(child.stdout, "readable");
		await halted(child.pid);
		const used = peakMemory(child.pid);
		const output = text(child.stdout);
		assert.is(await ended, 0);
		const stdout = await output;
		assert.is(stdout.length, lines * "loud | y\n".length);
		assert.ok(used < 300_000, `${used} kB`);
	},
);

for (const [signal, status] of [
	["SIGTERM", 143],
	["SIGINT", 130],
] as const) {
	placeTest(`${signal} ends a run whose output nobody reads, and its tasks`, async (place) => {
		const tasks = { loud: { command: "yes" }, other: endless };
		const { child, ended } = place.unread(["run", place.write("run.json", { name: "x", tasks })]);
		assert.ok(child.stdout && child.pid);
		await once(child.stdout, "readable");
		await halted(child.pid);
		const started = childrenOf(child);
		assert.is(started.length, 2);
		child.kill(signal);
		assert.is(await ended, status);
		await Promise.all(started.map(processEnd));
	});
}

long(placeTest)("a line without an end does not fill the memory, and comes in pieces", async (place) => {
	const tasks = { loud: { command: "head -c 200000 /dev/zero | tr '\\0' x" } };
	const { stdout } = await run(place, tasks);
	const lines = stdout.trimEnd().split("\n");
	assert.equal(
		lines.map((line) => line.length - "loud | ".length),
		[65_536, 65_536, 65_536, 200_000 - 3 * 65_536],
	);
});

long(placeTest)("what a task leaves running has a moment to finish, and is then killed", async (place) => {
	const log = join(place.folder, "log");
	const tasks = {
		brief: { command: ["bash", "-c", `exec > >(sleep 0.1; cat > ${log}); echo all of it`] },
		endless: { command: "tail -f /dev/null & echo $!" },
	};
	const { code, stdout, stderr } = await run(place, tasks);
	assert.is(code, 0, stderr);
	assert.is(readFileSync(log, "utf8"), "all of it\n");
	await processEnd(Number(/endless \| (\d+)/.exec(stdout)?.[1]));
});

placeTest("a run does not wait for a daemon that a task leaves behind", async (place) => {
	const script = `
		const { spawn } = require("node:child_process");
		const daemon = spawn("tail", ["-f", "/dev/null"], { detached: true, stdio: "inherit" });
		daemon.unref();
		console.log(daemon.pid);`;
	const tasks = { starter: { command: [process.execPath, "-e", script] } };
	const { code, stdout } = await run(place, tasks);
	const daemon = Number(/\d+/.exec(stdout)?.[0]);
	process.kill(daemon, "SIGKILL");
	await processEnd(daemon);
	assert.is(code, 0);
});

test.run();

function run(place: Place, tasks: object, environment: NodeJS.ProcessEnv = {}) {
	const PATH = `${place.bin}:${process.env.PATH}`;
	return place.run(["run", place.write("run.json", { name: "x", tasks })], { PATH, ...environment });
}

/** Resolves when a process has not read anything for a while. */
async function halted(pid: number): Promise<void> {
	let last = "";
	for (let looks = 0; looks < 25; looks++) {
		const read = /rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1] ?? "";
		if (read !== last) looks = 0;
		last = read;
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}

/** The most memory that a process has used so far, in kB. */
function peakMemory(pid: number): number {
	return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
