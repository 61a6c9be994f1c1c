/** For examples that start workflows: `dhmem run`, as a process. */
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
	// From the terminal it gets its own SIGINT.
	process.on("SIGINT", () => {});
	process.on("SIGTERM", () => child.kill("SIGTERM"));
	return new Promise((resolve, reject) => {
		child.once("error", reject);
		child.once("exit", (code, signal) =>
			resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
		);
	});
}
