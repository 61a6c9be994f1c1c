/** Saved blocks: two participants save, find and free them at once. */
import {
	BAD_HANDLE,
	HANDLE_REFERENCE,
	OK,
	REFERENCE_LENGTH,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import type { Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import { allocate, call, expect, free, pair, type Scene, type Stage } from "../stage.js";
import type { Call, Program } from "../stepper.js";

/** A size class with few blocks in a span. */
const LARGE = 30_000;
type Nonce = readonly [number, number];
const FIRST: Nonce = [11, 12];
const SECOND: Nonce = [21, 22];
/** For each nonce, the contents of the block saved under it, and the length that its handle says. */
const MARKS = new Map([
	[FIRST, { mark: 1, length: 1000 }],
	[SECOND, { mark: 2, length: 2000 }],
]);

interface Saved {
	handle: number;
	block: number;
	/** How many participants have freed it. */
	freed: number;
	/** The handle of the second block, if it is saved in the end. */
	second: number;
}

/** Loads the block that is saved under a nonce, as the binding does; 0 if there is none. */
function* load(handle: number, nonce: Nonce): Generator<Call, number, number> {
	const block = yield ["lookUp", handle, ...nonce];
	const length = yield ["read", handle + HANDLE_REFERENCE + REFERENCE_LENGTH];
	if (block === BAD_HANDLE || (yield ["lookUp", handle, ...nonce]) !== block) return 0;
	const { length: expected } = MARKS.get(nonce) as { length: number };
	expect(length === expected, `it has ${length} bytes, and was saved with ${expected}`);
	return block;
}

/** Frees the saved block. Returns whether it was there. */
function* freeSaved(who: Participant, handle: number, nonce: Nonce): Generator<Call, boolean, number> {
	const status = yield ["freeSaved", who.me, handle, ...nonce];
	expect(status === OK || status === BAD_HANDLE, `freeing gave ${status}`);
	return status === OK;
}

function* save(who: Participant, handle: number, nonce: Nonce, block: number): Program {
	const { length, mark } = MARKS.get(nonce) as { length: number; mark: number };
	yield ["fill", block, LARGE, mark];
	const status = yield ["save", who.me, handle, ...nonce, block, length];
	expect(status === OK, `saving gave ${status}`);
}

/** Saves another block, whose handle may get the place of the previous one. */
function* saveSecond(who: Participant): Generator<Call, number, number> {
	const block = yield* allocate(who, LARGE);
	const handle = yield* call(who, "allocateHandle", who.me);
	yield* save(who, handle, SECOND, block);
	return handle;
}

/** A block of `a` and a handle for it, saved already or not. Both participants have slabs of handles. */
function saving(
	name: string,
	isSaved: boolean,
	a: (who: Participant, saved: Saved) => Program,
	b: (who: Participant, saved: Saved) => Program,
	check: (saved: Saved, stage: Stage) => void = () => {},
): Pair {
	return pair(name, (stage): Scene => {
		const { observer } = stage;
		for (const who of [stage.b, stage.a])
			who.core.freeInternal(
				who.me,
				who.committing(() => who.core.allocateHandle(who.me)),
			);
		const block = stage.a.allocate(LARGE);
		const handle = stage.a.committing(() => stage.a.core.allocateHandle(stage.a.me));
		const { mark, length } = MARKS.get(FIRST) as { mark: number; length: number };
		stage.world.fill(block, LARGE, mark);
		if (isSaved) stage.a.core.save(stage.a.me, handle, ...FIRST, block, length);
		const saved: Saved = { handle, block, freed: 0, second: 0 };
		return {
			a: () => a(stage.a, saved),
			b: () => b(stage.b, saved),
			reset: () => {
				saved.freed = 0;
				saved.second = 0;
			},
			check: () => check(saved, stage),
			tidy: () => {
				const found = observer.core.lookUp(handle, ...FIRST) >>> 0;
				if (found !== BAD_HANDLE) expect(found === block, "another block is found");
				const status = observer.core.freeSaved(observer.me, handle, ...FIRST) >>> 0;
				expect((status === OK) !== saved.freed > 0, `${saved.freed} freed it, and now it was ${status}`);
				if (saved.second === 0) return;
				const second = observer.core.lookUp(saved.second, ...SECOND) >>> 0;
				expect(second >= STATUS_LIMIT, "what was saved is lost");
				expect(stage.world.isFilled(second, LARGE, 2), "what was saved was freed");
				expect(observer.core.freeSaved(observer.me, saved.second, ...SECOND) === OK, "it can't be freed");
			},
		};
	});
}

function* loading(who: Participant, { handle, block }: Saved): Program {
	void who;
	const found = yield* load(handle, FIRST);
	expect(found === 0 || found === block, "another block was found");
}

function* freeing(who: Participant, saved: Saved): Program {
	if (yield* freeSaved(who, saved.handle, FIRST)) saved.freed++;
}

function* freeingAndSaving(who: Participant, saved: Saved): Program {
	if (yield* freeSaved(who, saved.handle, FIRST)) saved.freed++;
	saved.second = yield* saveSecond(who);
}

const once = ({ freed }: Saved) => expect(freed === 1, `${freed} freed it`);

export const handles: Pair[] = [
	saving(
		"save a block, while another looks for it",
		false,
		(who, { handle, block }) => save(who, handle, FIRST, block),
		function* (who, { handle, block }) {
			void who;
			const found = yield* load(handle, FIRST);
			if (found === 0) return;
			expect(found === block && (yield ["filled", block, LARGE, 1]) === 1, "what was found is not whole");
		},
	),
	saving(
		"save a block, while another frees it",
		false,
		(who, { handle, block }) => save(who, handle, FIRST, block),
		freeing,
	),
	saving("free what is saved, both", true, freeing, freeing, once),
	saving("free what is saved, while another looks for it", true, freeing, loading, once),
	saving(
		"free what is saved and save another, while another looks for it",
		true,
		freeingAndSaving,
		loading,
		once,
	),
	saving(
		"free what is saved and save another, while another looks once",
		true,
		function* (who, saved) {
			const block = yield* allocate(who, LARGE);
			if (yield* freeSaved(who, saved.handle, FIRST)) saved.freed++;
			saved.second = yield* call(who, "allocateHandle", who.me);
			yield* save(who, saved.second, SECOND, block);
		},
		function* (who, { handle, block }) {
			void who;
			const found = yield ["lookUp", handle, ...FIRST];
			expect(found === BAD_HANDLE || found === block, "another block was found");
		},
		once,
	),
	saving(
		"free what is saved and save another, while another frees it",
		true,
		freeingAndSaving,
		freeing,
		once,
	),
	saving(
		"free what is saved, save another and load that, while another frees what was saved first",
		true,
		function* (who, saved) {
			yield* freeingAndSaving(who, saved);
			expect((yield* load(saved.second, SECOND)) !== 0, "what was saved is not found");
		},
		freeing,
		once,
	),
	saving(
		"free what is saved, save another and free that, while another frees what was saved first",
		true,
		function* (who, saved) {
			if (yield* freeSaved(who, saved.handle, FIRST)) saved.freed++;
			const second = yield* saveSecond(who);
			expect(yield* freeSaved(who, second, SECOND), "what was saved can't be freed");
		},
		freeing,
		once,
	),
	saving(
		"free what is saved and save another, both",
		true,
		freeingAndSaving,
		function* (who, saved) {
			if (yield* freeSaved(who, saved.handle, FIRST)) saved.freed++;
			// Takes the free memory and overwrites it.
			yield* free(who, yield* allocate(who, LARGE, 9));
		},
		once,
	),
];
