/** Starts `dhmem run` as a process, for examples that run workflows. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const DHMEM = fileURLToPath(new URL("dist/src/cli/main.js", import.meta.resolve("dhmem/package.json")));

/** Runs the workflow in a file, with these variables for its tasks; resolves with the exit status. */
export function runWorkflow(file: string, environment: NodeJS.ProcessEnv = {}): Promise<number> {
	const child = spawn(process.execPath, [DHMEM, "run", file], {
		env: { ...process.env, ...environment },
		stdio: "inherit",
	});
	// Ctrl-C in the terminal reaches the child too, so this process only waits for it.
	process.on("SIGINT", () => {});
	process.on("SIGTERM", () => child.kill("SIGTERM"));
	return new Promise((resolve, reject) => {
		child.once("error", reject);
		child.once("exit", (code, signal) =>
			resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
		);
	});
}
