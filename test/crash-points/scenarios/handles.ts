/** Handles: saving blocks, and freeing what was saved. */
import {
	BAD_HANDLE,
	HANDLE_REFERENCE,
	OK,
	REFERENCE_LENGTH,
	SPAN_BYTES,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import { expect, hold, isFilled, own, type Play, type Scenario, SMALL, type Stage } from "./stage.js";

const NONCE = [12345, 67890] as const;
const OTHER_NONCE = [12345, 67891] as const;

/** True if the block saved under `handle` is there and whole. */
function isSaved({ other, world }: Stage, handle: number): boolean {
	const block = other.core.lookUp(handle, ...NONCE) >>> 0;
	expect(block >= STATUS_LIMIT || block === BAD_HANDLE, `looking up gave ${block}`);
	if (block === BAD_HANDLE) return false;
	const length = world.words[(handle + HANDLE_REFERENCE + REFERENCE_LENGTH) >> 2] as number;
	expect(isFilled(world, block, length, 0xee), "what was saved is not whole");
	return true;
}

function saveBlock(
	stage: Stage,
	who: Participant,
	bytes: number,
	nonce: readonly [number, number] = NONCE,
): number {
	const block = own({ ...stage, victim: who }, bytes);
	if (block === 0) return 0;
	const handle = who.committing(() => who.core.allocateHandle(who.me));
	if (handle < STATUS_LIMIT) return 0;
	expect(who.core.save(who.me, handle, ...nonce, block, bytes) === OK, "a block could not be saved");
	return handle;
}

export const handles: Scenario[] = [SMALL, 2 * SPAN_BYTES].flatMap((bytes) => [
	{
		name: `save ${bytes} bytes`,
		prepare: (stage): Play => {
			const { victim, other } = stage;
			let saved = 0;
			return {
				reset: () => {
					saved = 0;
				},
				act: () => {
					saved = saveBlock(stage, victim, bytes);
				},
				intrude: () => hold(stage, bytes),
				verify: () => {
					if (saved === 0) return;
					expect(isSaved(stage, saved), "what was saved is gone");
					const status = other.core.freeSaved(other.me, saved, ...NONCE);
					expect(status === OK, `what was saved could not be freed: ${status}`);
				},
			};
		},
	},
	{
		name: `free ${bytes} saved bytes`,
		prepare: (stage): Play => {
			const { victim, other } = stage;
			const handle = saveBlock(stage, other, bytes);
			/** The participant that has freed it. */
			let freed: Participant | undefined;
			return {
				reset: () => {
					freed = undefined;
				},
				act: () => {
					const status = victim.core.freeSaved(victim.me, handle, ...NONCE) >>> 0;
					expect(status === (freed === undefined ? OK : BAD_HANDLE), `freeing gave ${status}`);
					freed ??= victim;
					expect(victim.core.freeSaved(victim.me, handle, ...NONCE) === BAD_HANDLE, "it was freed twice");
				},
				intrude: () => {
					const status = other.core.freeSaved(other.me, handle, ...NONCE) >>> 0;
					expect(status === OK || status === BAD_HANDLE, `freeing gave ${status}`);
					if (status === OK) freed = other;
				},
				verify: () => {
					expect(freed === undefined || !isSaved(stage, handle), "a handle outlived its block");
					if (isSaved(stage, handle)) other.core.freeSaved(other.me, handle, ...NONCE);
					expect(!isSaved(stage, handle), "a handle outlived its block");
				},
			};
		},
	},
	{
		name: `free ${bytes} saved bytes, while another does, and saves others there`,
		prepare: (stage): Play => {
			const { victim, other } = stage;
			const handle = saveBlock(stage, other, bytes);
			let freed = 0;
			let again = 0;
			const free = (who: Participant) => {
				const status = who.core.freeSaved(who.me, handle, ...NONCE) >>> 0;
				expect(status === OK || status === BAD_HANDLE, `freeing gave ${status}`);
				if (status === OK) freed++;
			};
			return {
				reset: () => {
					freed = 0;
					again = 0;
				},
				act: () => {
					free(victim);
					expect(freed === 1, `it was freed ${freed} times`);
				},
				intrude: () => {
					free(other);
					again = saveBlock(stage, other, bytes, OTHER_NONCE);
				},
				verify: () => {
					const { core, me } = other;
					if (freed === 0) free(other);
					expect(core.lookUp(handle, ...NONCE) >>> 0 === BAD_HANDLE, "a handle outlived its block");
					if (again === 0) return;
					expect(core.lookUp(again, ...OTHER_NONCE) >>> 0 >= STATUS_LIMIT, "another's handle is lost");
					expect(core.freeSaved(me, again, ...OTHER_NONCE) >>> 0 === OK, "what was saved could not be freed");
				},
			};
		},
	},
]);
