/** For `node --import`: writes to standard error what is published about waits that will never end. */
import { subscribe } from "node:diagnostics_channel";
import type { DhmemEvents } from "dhmem";

subscribe("dhmem:stuck", (event) => {
	const { path, message } = event as DhmemEvents["dhmem:stuck"];
	process.stderr.write(`published: ${path}: ${message}\n`);
});
