import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";

const MAIN = fileURLToPath(new URL("../../bench/main.js", import.meta.url));

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** In a process of its own: it has options of its own, and what it loads is nobody else's. */
export function bench(program: Command): void {
	program
		.command("bench")
		.description("measure dhmem here, in turn with what else there is for it: --quick for a look of a minute")
		.argument("[options...]", "see dhmem bench --help")
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
