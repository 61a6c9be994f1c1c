/** All curves, in the order of the report. */
import type { Growth } from "../curve.js";
import { fill } from "./fill.js";
import { giveBack } from "./give-back.js";
import { messageSize } from "./message-size.js";
import { mapEntries, objects } from "./objects.js";
import { participants } from "./participants.js";
import { queues } from "./queues.js";
import { recovery } from "./recovery.js";

export const curves: readonly Growth[] = [
	messageSize,
	queues,
	participants,
	fill,
	objects,
	mapEntries,
	recovery,
	giveBack,
];
