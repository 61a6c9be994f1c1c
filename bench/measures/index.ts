/** All measures, in the order of the report. */
import type { Measure } from "../measure.js";
import { allocate, allocateTwo } from "./allocate.js";
import { batches } from "./batches.js";
import { garbageBatches, garbagePop } from "./garbage.js";
import { handOver } from "./hand-over.js";
import { messageQueue, messages } from "./messages.js";
import { fresh, open } from "./open.js";
import { recordBatches, records } from "./records.js";
import { stream } from "./stream.js";
import { asleep, briefly, spinning } from "./trips.js";
import { long, simple, wide } from "./workflow.js";

export const measures: readonly Measure[] = [
	recordBatches,
	records,
	messages,
	batches,
	messageQueue,
	spinning,
	asleep,
	briefly,
	handOver,
	stream,
	allocate,
	allocateTwo,
	wide,
	long,
	simple,
	open,
	fresh,
	garbageBatches,
	garbagePop,
];
