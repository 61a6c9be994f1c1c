/** Recovering from the dead while others go on. */
import type { Pair } from "../explore.js";
import { allocating, messages } from "./recovery-messages.js";
import { mutexes, objects, saved } from "./recovery-objects.js";
import { several } from "./recovery-of-two.js";

export const recoveries: Pair[] = [...allocating, ...messages, ...mutexes, ...objects, ...saved, ...several];
