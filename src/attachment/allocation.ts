/** Allocates blocks, and commits pages when the core asks for them. */
import { BULK_SPAN_BYTES, CORRUPT, FULL, NEED_COMMIT, STATUS_LIMIT } from "../../assembly/layout.js";
import type { Core } from "../core/core.js";
import { DhmemError } from "../errors.js";
import { publish } from "../events.js";
import { commitRequest } from "./committing.js";
import { debug } from "./debug.js";
import type { Mapping } from "./mapping.js";
import type { Spans } from "./pages.js";
import { MOST_TURNS, recoverAll } from "./participants.js";
import { roomFor } from "./room.js";
import { trimAll, trimmable } from "./trimming.js";

/** Blocks from this size on are in the bulk space, where rounding up to its spans costs little. */
const BULK_LEAST = 4 * BULK_SPAN_BYTES;

/** An allocating operation of the core. */
type Allocate = (core: Core, me: number) => number;

/**
 * Allocates a block of `bytes` bytes in the heap, where the core can read and write it, and returns its offset.
 *
 * @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE
 */
export function allocate(mapping: Mapping, bytes: number): number {
	mapping.check();
	checkLargest(mapping, bytes, mapping.largestInHeap);
	const block = mapping.core.allocate(mapping.me, bytes) >>> 0;
	if (block >= STATUS_LIMIT) return block;
	return allocateBy(mapping, bytes, (core, me) => core.allocate(me, bytes));
}

/**
 * Allocates a block whose bytes the core never touches: a large one in the bulk space, if the region has one. What one
 * space has no room for goes to the other. Its bytes are at `addressOf`.
 *
 * @throws as `allocate`; DHMEM_UNSUPPORTED if there are no addresses for the bytes
 */
export function allocateBlock(mapping: Mapping, bytes: number): number {
	if (mapping.bulk.spans === 0 || bytes < BULK_SPAN_BYTES) return allocate(mapping, bytes);
	mapping.check();
	checkLargest(mapping, bytes, mapping.largestBlock);
	const inHeap: Allocate = (core, me) => (bytes > mapping.largestInHeap ? FULL : core.allocate(me, bytes));
	const inBulk: Allocate = (core, me) => core.allocateBulk(me, bytes);
	const spaces: [Allocate, Allocate] = bytes < BULK_LEAST ? [inHeap, inBulk] : [inBulk, inHeap];
	const block = allocateBy(mapping, bytes, ...spaces);
	try {
		// While nothing is in it yet: if there are no addresses for it, nothing is lost.
		mapping.view(mapping.addressOf(block), bytes);
	} catch (error) {
		if (!mapping.closed) mapping.core.free(mapping.me, block);
		throw error;
	}
	return block;
}

function checkLargest({ path }: Mapping, bytes: number, largest: number): void {
	if (bytes <= largest) return;
	throw new DhmemError(
		"DHMEM_REGION_FULL",
		`${bytes} bytes are more than the largest block of ${path}, ${largest} bytes; ${remedyFor(largest)}`,
	);
}

/** Bytes of a largest block that a larger region would hardly raise: a block has less than 4 GiB in any region. */
const NEARLY_MOST = 4_000_000_000;

/** What to do about something that is larger than the largest block of a region. */
export function remedyFor(largest: number): string {
	return largest < NEARLY_MOST ? "create the region with a larger size" : "divide it, as no block has 4 GiB";
}

/**
 * Allocates a block with the first of `operations` that finds room. Before this fails for lack of space, it recovers
 * from dead participants and tries again.
 *
 * @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE
 */
export function allocateBy(
	mapping: Mapping,
	bytes: number,
	...operations: readonly [Allocate, ...Allocate[]]
): number {
	for (let again = true; ; again = false) {
		let failure: unknown;
		let what: "region" | "file system" = "region";
		try {
			const result = committingFirst(mapping, bytes, operations);
			if (result >= STATUS_LIMIT) return result;
			if (result !== FULL) throw mapping.unexpected(result, `Allocating ${bytes} bytes`);
			failure = regionFull(mapping, bytes);
		} catch (error) {
			if (!(error instanceof DhmemError) || error.code !== "DHMEM_NO_SPACE") throw error;
			failure = error;
			what = "file system";
		}
		if (!again) {
			publish("dhmem:full", () => ({ path: mapping.path, what, bytes }));
			throw failure;
		}
		// Space comes from dead participants, and from what living ones keep in reserve.
		recoverAll(mapping);
		mapping.core.reclaim(mapping.me);
		if (what === "file system") trimFor(mapping, bytes);
	}
}

/** Gives back the pages of free memory if there is then room for `bytes` elsewhere in the region. */
function trimFor(mapping: Mapping, bytes: number): void {
	if (roomFor(mapping.path) + trimmable(mapping) < bytes) return;
	try {
		trimAll(mapping);
	} catch (error) {
		debug("%s: free memory can't be given back: %s", mapping.path, error);
	}
}

/** Returns the offset from the first operation that does not return FULL, or a status. */
function committingFirst(mapping: Mapping, bytes: number, operations: readonly Allocate[]): number {
	let result = FULL;
	for (const operation of operations) {
		result = committing(mapping, bytes, operation);
		if (result !== FULL) break;
	}
	return result;
}

/**
 * Runs an allocation of the core, and commits the pages that it asks for. Returns an offset, or a status
 * other than NEED_COMMIT.
 */
function committing(mapping: Mapping, bytes: number, operation: Allocate): number {
	let whole: Spans | undefined;
	for (let turn = 0; turn < MOST_TURNS; turn++) {
		const result = operation(mapping.core, mapping.me) >>> 0;
		if (result !== NEED_COMMIT) return result;
		try {
			whole = commitRequest(mapping, bytes, whole);
		} catch (error) {
			if (!mapping.closed) mapping.core.cancel(mapping.me);
			throw error;
		}
		mapping.core.committed(mapping.me);
	}
	return CORRUPT;
}

function regionFull({ path, fileSize: size }: Mapping, bytes: number): DhmemError {
	return new DhmemError(
		"DHMEM_REGION_FULL",
		`The region ${path} of ${size} bytes has no contiguous run of ${bytes} free bytes; ` +
			"free some blocks, or create it with a larger size",
	);
}
