/** Recovering from dead participants while others continue. */
import type { Pair } from "../explore.js";
import { ends } from "./recovery-ends.js";
import { allocating, messages } from "./recovery-messages.js";
import { mutexes, objects, saved } from "./recovery-objects.js";
import { several } from "./recovery-of-two.js";

export const recoveries: Pair[] = [
	...allocating,
	...messages,
	...ends,
	...mutexes,
	...objects,
	...saved,
	...several,
];
