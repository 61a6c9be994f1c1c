/** The operations that need the operating system, each with what must hold when it was cut off anywhere. */
import { dead, files } from "./file-operations.js";
import { memory } from "./memory-operations.js";
import { nameOperations, namePreparations } from "./name-operations.js";
import type { Operation } from "./operation.js";
import { wakes } from "./wake-operations.js";

/** The operations that are swept. */
export const swept: readonly Operation[] = [...files, ...nameOperations, ...memory, ...wakes];

/** These, and those that prepare for them. */
export const operations: readonly Operation[] = [...swept, dead, ...namePreparations];
