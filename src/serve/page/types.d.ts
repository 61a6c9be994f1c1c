/** The types of what the page polls, from what was built. */
export type {
	WatchedMutex,
	WatchedParticipant,
	WatchedQueue,
} from "../../../dist/src/inspect/contents.js";
export type { QueueRates } from "../../../dist/src/inspect/rates.js";
export type { ReadRegion, WatchedRegion } from "../../../dist/src/inspect/watcher.js";
export type { MemoryCell, MemoryCells } from "../../../dist/src/serve/memory-cells.js";
export type { Report } from "../../../dist/src/serve/sampler.js";
