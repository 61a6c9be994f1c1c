/** Two participants allocate bulk blocks and give memory back at once. */
import {
	BULK_FIRST,
	BULK_SPAN_BYTES,
	BULK_SPANS,
	FULL,
	NEED_PUNCH,
	OK,
	SLOT_BYTES,
	SLOT_REQUEST_COUNT,
	SLOT_REQUEST_FIRST,
	SLOT_REQUEST_LENGTH,
	SLOT_REQUEST_OFFSET,
	SLOTS_START,
	SPAN_BYTES,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import type { Participant } from "../../crash-points/world.js";
import { BULK, type Pair } from "../explore.js";
import { allocate, call, expect, free, pair, type Stage } from "../stage.js";
import type { Call, Program } from "../stepper.js";

/** The ranges in use: of bulk spans, or of bytes of the heap. */
type Ranges = Set<readonly [first: number, end: number]>;

function expectNobodys(ranges: readonly Ranges[], first: number, end: number, what: string): void {
	for (const each of ranges)
		for (const [from, until] of each) expect(until <= first || from >= end, `${what} ${first} is somebody's`);
}

interface Uses {
	bulk: [Ranges, Ranges];
	heap: [Ranges, Ranges];
}

/** Allocates a bulk block, keeps it, and frees it. */
function* use(who: Participant, uses: Uses, side: 0 | 1, spans: number): Program {
	const block = yield* call(who, "allocateBulk", who.me, spans * BULK_SPAN_BYTES);
	expect(block >= STATUS_LIMIT || block === FULL, `allocating gave ${block}`);
	if (block === FULL) return;
	const first = yield ["read", block + BULK_FIRST];
	expect((yield ["read", block + BULK_SPANS]) === spans, "the bulk block has another length");
	expectNobodys(uses.bulk, first, first + spans, "bulk span");
	const range = [first, first + spans] as const;
	uses.bulk[side].add(range);
	yield ["capacityOf", block];
	uses.bulk[side].delete(range);
	const status = yield* call(who, "free", who.me, block);
	expect(status === OK, `freeing gave ${status}`);
}

function* request(who: Participant, field: number): Generator<Call, number, number> {
	return yield ["read", SLOTS_START + who.slot * SLOT_BYTES + field];
}

/** Gives back one piece, if there is one. Nobody may have it meanwhile. */
function* trim(who: Participant, uses: Uses): Program {
	const status = yield* call(who, "trim", who.me);
	expect(status === OK || status === NEED_PUNCH, `trimming gave ${status}`);
	if (status === OK) return;
	const length = yield* request(who, SLOT_REQUEST_LENGTH);
	const isBulk = length === 0;
	const first = yield* request(who, isBulk ? SLOT_REQUEST_FIRST : SLOT_REQUEST_OFFSET);
	const end = first + (isBulk ? yield* request(who, SLOT_REQUEST_COUNT) : length);
	expectNobodys(isBulk ? uses.bulk : uses.heap, first, end, isBulk ? "bulk span" : "the heap at");
	yield ["punched", who.me];
}

/** Allocates spans of the heap, keeps them, and frees them. */
function* useHeap(who: Participant, uses: Uses, side: 0 | 1, bytes: number): Program {
	const block = yield* allocate(who, bytes);
	if (block === 0) return;
	const range = [block, block + bytes] as const;
	uses.heap[side].add(range);
	yield ["capacityOf", block];
	uses.heap[side].delete(range);
	yield* free(who, block);
}

function playing(
	name: string,
	a: (stage: Stage, uses: Uses) => Program,
	b: (stage: Stage, uses: Uses) => Program,
	prepare: (stage: Stage) => void = () => {},
): Pair {
	return pair(name, (stage) => {
		prepare(stage);
		const uses: Uses = { bulk: [new Set(), new Set()], heap: [new Set(), new Set()] };
		const { observer } = stage;
		const used = observer.core.used();
		return {
			a: () => a(stage, uses),
			b: () => b(stage, uses),
			reset: () => {
				for (const ranges of [...uses.bulk, ...uses.heap]) ranges.clear();
			},
			used,
			tidy: () => {
				const bytes = BULK_SPAN_BYTES;
				const all = [];
				for (;;) {
					const block = observer.committing(() => observer.core.allocateBulk(observer.me, bytes));
					if (block < STATUS_LIMIT) break;
					all.push(block);
				}
				for (const block of all) observer.free(block);
				expect(all.length === BULK, `${all.length} of ${BULK} bulk spans could be had in the end`);
			},
		};
	});
}

function useOnce(who: Participant, spans: number): void {
	const block = who.committing(() => who.core.allocateBulk(who.me, spans * BULK_SPAN_BYTES));
	expect(who.free(block) === OK, "it could not be freed");
}

/** Each participant has a slab for bulk blocks. */
function begin({ a, b }: Stage): void {
	for (const who of [a, b]) useOnce(who, 1);
}

/** All bulk spans were in use before, and have pages. */
function warm(stage: Stage): void {
	begin(stage);
	useOnce(stage.observer, BULK);
}

/** Some spans were in use before, and have pages. */
function warmHeap({ observer }: Stage): void {
	const block = observer.allocate(2 * SPAN_BYTES);
	expect(observer.free(block) === OK, "it could not be freed");
}

export const bulk: readonly Pair[] = [
	playing(
		"allocate and free bulk blocks, both",
		({ a }, uses) => use(a, uses, 0, 1),
		({ b }, uses) => use(b, uses, 1, 1),
		begin,
	),
	playing(
		"allocate and free bulk blocks with pages, both",
		({ a }, uses) => use(a, uses, 0, 2),
		({ b }, uses) => use(b, uses, 1, 2),
		warm,
	),
	playing(
		"allocate most of the bulk space, both",
		({ a }, uses) => use(a, uses, 0, 3),
		({ b }, uses) => use(b, uses, 1, 2),
		warm,
	),
	playing(
		"give bulk spans back while another allocates",
		({ a }, uses) => trim(a, uses),
		({ b }, uses) => use(b, uses, 1, 2),
		warm,
	),
	playing(
		"give bulk spans back, both",
		({ a }, uses) => trim(a, uses),
		({ b }, uses) => trim(b, uses),
		warm,
	),
	playing(
		"give spans of the heap back while another allocates",
		({ a }, uses) => trim(a, uses),
		({ b }, uses) => useHeap(b, uses, 1, 2 * SPAN_BYTES),
		warmHeap,
	),
	playing(
		"give spans of the heap back, both",
		({ a }, uses) => trim(a, uses),
		({ b }, uses) => trim(b, uses),
		warmHeap,
	),
];
