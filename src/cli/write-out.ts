import { constants } from "node:os";

/** Writes to standard output; resolves when it was taken. Ends the process if nobody reads any more, as SIGPIPE would. */
export function writeOut(data: string | Uint8Array): Promise<void> {
	return new Promise((resolve, reject) => {
		process.stdout.write(data, (error) => {
			if (!error) resolve();
			else if ("code" in error && error.code === "EPIPE") process.exit(128 + constants.signals.SIGPIPE);
			else reject(error);
		});
	});
}
