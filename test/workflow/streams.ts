/**
 * Tasks of streams. `source` sends `COUNT` messages to each of its outputs, and ends it; with a `MARK` it fails the first
 * time when it has ended one. `sink` reads `first` to its end,
 * fails the first time, in the way of `FAIL`, and reads `second`. `again` prints what it reads, and ends with `STATUS`;
 * with `BATCH` it reads batches of that size.
 * `slow` is killed while it waits, and needs `SECONDS` to return. `stuck` waits for room in `out`, and for a message of
 * `in`.
 */
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Task } from "dhmem/workflow";

const {
	BATCH = "1",
	FAIL = "",
	STATUS = "0",
	SECONDS = "0",
	MARK = "",
	OUTPUTS = "out",
	COUNT = "3",
} = process.env;

using task = Task.fromEnvironment();

const roles: Record<string, () => Promise<void>> = {
	source: async () => {
		for (const name of OUTPUTS.split(" ")) {
			const output = task.output(name);
			for (let i = 1; i <= Number(COUNT); i++) await output.send(`${name} ${i}`);
			output.end();
			if (MARK !== "") failOnce();
		}
	},
	sink: async () => {
		for await (const _ of task.input("first"));
		failOnce();
		for await (const message of task.input("second")) console.log(message.text());
		console.log("all read");
	},
	again: async () => {
		for await (const batch of task.input("in").batches(Number(BATCH))) {
			for (const message of batch) console.log(message.text());
			if (BATCH !== "1") process.exit(Number(STATUS));
		}
		console.log("ended");
		process.exitCode = Number(STATUS);
	},
	slow: async () => {
		const again = existsSync(MARK);
		if (again) await sleep(1000 * Number(SECONDS));
		else writeFileSync(MARK, "");
		const input = task.input("in");
		for await (const message of input) {
			console.log(message.text());
			if (!again && message.text() === "out 3") {
				message.release();
				void input.receive();
				process.kill(process.pid, "SIGKILL");
			}
		}
	},
	stuck: async () => {
		void task.input("in").receive();
		for (;;) await task.output("out").send(new Uint8Array(500));
	},
};
await roles[task.name]?.();

function failOnce(): void {
	if (existsSync(MARK)) return;
	writeFileSync(MARK, "");
	if (FAIL === "throw") throw new Error("as it was told to");
	if (FAIL === "exit") process.exit(3);
	process.kill(process.pid, "SIGKILL");
}
