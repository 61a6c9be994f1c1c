import { debuglog } from "node:util";

/** Prints to stderr if `NODE_DEBUG` contains `dhmem`. */
export const debug = debuglog("dhmem");
