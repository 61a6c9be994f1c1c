/** All measures, in the order of the report. */
import type { Measure } from "../measure.js";
import { allocate, allocateTwo } from "./allocate.js";
import { batches } from "./batches.js";
import { json, lock, mapGet, mapUpdate } from "./calls.js";
import { cycle } from "./cycle.js";
import { garbageBatches, garbagePop } from "./garbage.js";
import { handOver } from "./hand-over.js";
import { messageQueue, messages } from "./messages.js";
import { fresh, freshLargest, open, openLargest } from "./open.js";
import { recordBatches, records } from "./records.js";
import {
	accessorsEms,
	accessorsRingbuf,
	garbageAccessors,
	garbagePoll,
	inPlace,
	poll,
	pollSocket,
	structBatches,
} from "./small.js";
import { stream } from "./stream.js";
import { asleep, briefly, spinning, spins } from "./trips.js";
import { long, simple, wide } from "./workflow.js";

export const measures: readonly Measure[] = [
	recordBatches,
	records,
	messages,
	batches,
	poll,
	pollSocket,
	structBatches,
	inPlace,
	accessorsEms,
	accessorsRingbuf,
	messageQueue,
	spinning,
	asleep,
	spins,
	briefly,
	handOver,
	stream,
	allocate,
	allocateTwo,
	cycle,
	wide,
	long,
	simple,
	open,
	openLargest,
	fresh,
	freshLargest,
	mapGet,
	mapUpdate,
	lock,
	json,
	garbageBatches,
	garbagePop,
	garbagePoll,
	garbageAccessors,
];
