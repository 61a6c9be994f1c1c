/** All rows, in the order of the list. */
import { capacity } from "./capacity.js";
import { exits } from "./exits.js";
import { heldMessages } from "./held-messages.js";
import { killedAllocators } from "./killed-allocators.js";
import { killedCloneHolders } from "./killed-clone-holders.js";
import { killedHolder } from "./killed-holder.js";
import { killedWithMemory } from "./killed-with-memory.js";
import { messagesAsBlocks, messagesInPlace } from "./large-messages.js";
import { mapCost } from "./map-cost.js";
import { mapEntries } from "./map-entries.js";
import { mismatch } from "./mismatch.js";
import { movingVector } from "./moving-vector.js";
import { mutualExclusion } from "./mutual-exclusion.js";
import { pingPong } from "./ping-pong.js";
import { planted } from "./planted.js";
import type { Row } from "./row.js";
import { secondUser } from "./second-user.js";
import { tokens } from "./tokens.js";

export const rows: readonly Row[] = [
	killedHolder,
	killedAllocators,
	killedWithMemory,
	planted,
	exits,
	messagesInPlace,
	messagesAsBlocks,
	mismatch,
	tokens,
	killedCloneHolders,
	secondUser,
	capacity,
	heldMessages,
	mutualExclusion,
	pingPong,
	mapEntries,
	mapCost,
	movingVector,
];
