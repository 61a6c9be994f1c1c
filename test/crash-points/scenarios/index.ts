/** All scenarios: what a participant is doing when it dies or is stopped, and what must hold afterwards. */
import { allocation } from "./allocation.js";
import { batches } from "./batches.js";
import { bulk } from "./bulk.js";
import { collections } from "./collections.js";
import { directory } from "./directory.js";
import { ends } from "./ends.js";
import { handles } from "./handles.js";
import { locks } from "./locks.js";
import { mailboxes } from "./mailboxes.js";
import { participants } from "./participants.js";
import { queues } from "./queues.js";
import { references } from "./references.js";
import { releases } from "./releases.js";
import { shares } from "./shares.js";
import type { Scenario } from "./stage.js";
import { wakings } from "./waking.js";

export const scenarios: readonly Scenario[] = [
	...allocation,
	...directory,
	...queues,
	...releases,
	...ends,
	...batches,
	...bulk,
	...mailboxes,
	...handles,
	...locks,
	...references,
	...collections,
	...shares,
	...participants,
	...wakings,
];
