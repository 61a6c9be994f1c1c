/** What a participant may be in the middle of when it dies or is stopped, and what must hold afterwards. */
import { allocation } from "./allocation.js";
import { collections } from "./collections.js";
import { directory } from "./directory.js";
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
	...mailboxes,
	...handles,
	...locks,
	...references,
	...collections,
	...shares,
	...participants,
	...wakings,
];
