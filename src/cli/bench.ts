import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";

const MAIN = fileURLToPath(new URL("../../bench/main.js", import.meta.url));

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs the benchmarks in a separate process, because they have their own options and load much. */
export function bench(program: Command): void {
	program
		.command("bench")
		.description("measure dhmem on this machine, by turns with alternatives; --quick takes about a minute")
		.argument("[options...]", "dhmem bench --help lists them")
		.allowUnknownOption()
		.helpOption(false)
		.action(async (options: string[]) => {
			const child = spawn(process.execPath, [MAIN, ...options], { stdio: "inherit" });
			const pass = (signal: NodeJS.Signals) => child.kill(signal);
			for (const signal of SIGNALS) process.on(signal, pass);
			const [status, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
			for (const signal of SIGNALS) process.off(signal, pass);
			if (signal !== null) process.kill(process.pid, signal);
			process.exitCode = status ?? 1;
		});
}
