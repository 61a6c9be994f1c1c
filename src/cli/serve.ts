import { once } from "node:events";
import { type Command, InvalidArgumentError } from "commander";
import { directoryOf, trustOf } from "../attachment/region-options.js";
import { errnoOf } from "../errors.js";
import { RegionServer } from "../serve/server.js";
import { escapeControls } from "../terminal/escape.js";
import { Interruption } from "../workflow/interruption.js";

interface ServeOptions {
	port: number;
	directory?: string;
}

export function serve(program: Command): void {
	program
		.command("serve")
		.description("show regions in a browser, and as metrics for Prometheus; for this machine only")
		.option("--port <number>", "0 takes any free port", parsePort, 7117)
		.option("--directory <path>", "the folder of the regions; by default $DHMEM_DIR, else /dev/shm")
		.action(async ({ port, directory: given }: ServeOptions) => {
			const directory = directoryOf(given === undefined ? {} : { directory: given });
			const interruption = new Interruption("dhmem serve");
			try {
				const server = await RegionServer.start({ directory, trust: trustOf({}), port });
				console.log(`the regions of ${escapeControls(directory)}: ${server.url}`);
				console.log(`metrics for Prometheus: ${server.url}metrics`);
				if (!interruption.signal.aborted) await once(interruption.signal, "abort");
				server.close();
			} catch (error) {
				const reason = refusals[errnoOf(error) ?? ""];
				if (reason === undefined) throw error;
				console.error(`dhmem: port ${port} ${reason}; choose another with --port`);
				process.exitCode = 1;
			} finally {
				interruption.stop();
			}
		});
}

const refusals: Readonly<Record<string, string>> = {
	EADDRINUSE: "is in use",
	EACCES: "may only be used by root",
};

function parsePort(text: string): number {
	const port = Number(text);
	if (/^\d+$/.test(text) && port <= 65535) return port;
	throw new InvalidArgumentError("It must be a number from 0 to 65535.");
}
