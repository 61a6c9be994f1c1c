/**
 * `process`, which some realms do not have as a global. It is required and not imported: importing `node:process` reads
 * all that it has, and reading `process.stdin` makes standard input non-blocking, also for other processes that share it.
 */
import { createRequire } from "node:module";

export default createRequire("/")("node:process") as NodeJS.Process;
