import type { Pair } from "../explore.js";
import { allocator } from "./allocator.js";
import { bulk } from "./bulk.js";
import { collections } from "./collections.js";
import { handles } from "./handles.js";
import { locks } from "./locks.js";
import { mailboxes } from "./mailboxes.js";
import { objects } from "./objects.js";
import { queues } from "./queues.js";
import { records } from "./records.js";
import { recoveries } from "./recovery.js";
import { references } from "./references.js";
import { shares } from "./shares.js";

export const pairs: readonly Pair[] = [
	...allocator,
	...bulk,
	...objects,
	...queues,
	...records,
	...mailboxes,
	...locks,
	...references,
	...collections,
	...shares,
	...handles,
	...recoveries,
];
