import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";

const MAIN = fileURLToPath(new URL("../../bench/main.js", import.meta.url));

/** In a process of its own: it has options of its own, and what it loads is nobody else's. */
export function bench(program: Command): void {
	program
		.command("bench")
		.description("measure dhmem here, in turn with what else there is for it: --quick for a look of a minute")
		.argument("[options...]", "see dhmem bench --help")
		.allowUnknownOption()
		.helpOption(false)
		.action((options: string[]) => {
			const { status, signal } = spawnSync(process.execPath, [MAIN, ...options], { stdio: "inherit" });
			if (signal !== null) process.kill(process.pid, signal);
			process.exitCode = status ?? 1;
		});
}
