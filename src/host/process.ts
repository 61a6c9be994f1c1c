/**
 * `process`, which is not a global in every realm. This file uses `require`, because an import of
 * `node:process` reads all its properties. Reading `process.stdin` makes standard input non-blocking, also
 * for other processes that share it.
 */
import { createRequire } from "node:module";

export default createRequire("/")("node:process") as NodeJS.Process;
