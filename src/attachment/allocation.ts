/** Allocates blocks, and commits pages when the core asks for them. */
import { CORRUPT, FULL, NEED_COMMIT, STATUS_LIMIT } from "../../assembly/layout.js";
import type { Core } from "../core/core.js";
import { DhmemError } from "../errors.js";
import { commitRequest, type Spans } from "./committing.js";
import type { Mapping } from "./mapping.js";
import { MOST_TURNS, recoverAll } from "./participants.js";

/** Allocates a block of `bytes` bytes and returns its offset. @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE */
export function allocate(mapping: Mapping, bytes: number): number {
	mapping.check();
	if (bytes > mapping.largestBlock) {
		throw new DhmemError(
			"DHMEM_REGION_FULL",
			`${bytes} bytes are more than the largest block of ${mapping.path}, ${mapping.largestBlock} bytes; ` +
				"create it with a larger size",
		);
	}
	const block = mapping.core.allocate(mapping.me, bytes) >>> 0;
	if (block >= STATUS_LIMIT) return block;
	return allocateBy(mapping, bytes, (core, me) => core.allocate(me, bytes));
}

/**
 * Allocates a block with `operation`. Before this fails for lack of space, it recovers from dead participants
 * and tries again.
 *
 * @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE
 */
export function allocateBy(
	mapping: Mapping,
	bytes: number,
	operation: (core: Core, me: number) => number,
): number {
	for (let again = true; ; again = false) {
		let failure: unknown;
		try {
			const result = committing(mapping, bytes, operation);
			if (result >= STATUS_LIMIT) return result;
			if (result !== FULL) throw mapping.unexpected(result, `Allocating ${bytes} bytes`);
			failure = regionFull(mapping, bytes);
		} catch (error) {
			if (!(error instanceof DhmemError) || error.code !== "DHMEM_NO_SPACE") throw error;
			failure = error;
		}
		if (!again) throw failure;
		// Space comes from dead participants, and from what living ones keep in reserve.
		recoverAll(mapping);
		mapping.core.reclaim(mapping.me);
	}
}

/**
 * Runs an allocation of the core, and commits the pages that it asks for. Returns an offset, or a status
 * other than NEED_COMMIT.
 */
function committing(mapping: Mapping, bytes: number, operation: (core: Core, me: number) => number): number {
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

function regionFull({ path, size }: Mapping, bytes: number): DhmemError {
	return new DhmemError(
		"DHMEM_REGION_FULL",
		`The region ${path} of ${size} bytes has no contiguous run of ${bytes} free bytes; ` +
			"free some blocks, or create it with a larger size",
	);
}
