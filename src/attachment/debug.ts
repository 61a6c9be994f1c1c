import { debuglog } from "node:util";

/** Prints if `NODE_DEBUG` has `dhmem` in it. */
export const debug = debuglog("dhmem");
