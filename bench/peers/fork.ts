/** Node's messages between a process and its forked child: structured clones through a socket. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { worksOf } from "./events.js";

const CHILD = fileURLToPath(new URL("./fork-child.js", import.meta.url));

export const works = worksOf(async () => {
	const child = fork(CHILD, { serialization: "advanced" });
	await once(child, "message");
	return { events: child, post: (message) => void child.send(message as object) };
});
