/**
 * Guards of the core that are taken away, one at a time: some scenario has to fail at some point, or the guard is
 * not tested. `node dist/test/allocator/mutations.js [part of a name]` tries them all and tells which scenario
 * noticed each.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Change, compileChanged } from "./changed.js";
import { type Sweep, sweep } from "./crash-points.js";
import { scenarios } from "./scenarios/index.js";
import type { Scenario } from "./scenarios/stage.js";
import { CoreModule } from "./world.js";

export interface Mutation extends Change {
	name: string;
	/** Scenarios to try first: those whose name has this. */
	likely: string;
}

function mutation(name: string, likely: string, file: string, text: string, replacement = ""): Mutation {
	return { name, likely, file: `${file}.ts`, text, replacement };
}

export const mutations: readonly Mutation[] = [
	mutation(
		"opening pins nothing",
		"open",
		"objects",
		"const fresh = pin(me, object);\n\t\t// SYNC",
		"const fresh = false;\n\t\t// SYNC",
	),
	mutation(
		"opening does not look again",
		"open",
		"objects",
		"if (find(name, length) == object) return object;",
		"return object;",
	),
	mutation(
		"opening by a handle does not look again",
		"openAt",
		"objects",
		"if (isNoted(object, nonceLow, nonceHigh)) return OK;",
		"return OK;",
	),
	mutation(
		"opening by a handle does not look at the nonce",
		"openAt",
		"objects",
		"load<u32>(object, OBJECT_NONCE) == nonceLow &&",
		"",
	),
	mutation(
		"constructing has no intent",
		"construct",
		"objects",
		"intend(me, INTENT_INSERT, object, 0, 0, 0);",
	),
	mutation("constructing pins nothing", "construct", "objects", "pin(me, object);\n\tintend", "intend"),
	mutation(
		"who let go of a removed object is not looked after",
		"close",
		"objects",
		"takeOffPin(me, object);\n\t// Whether",
		"const had = hasOpen(me, object);\n\ttakeOffPin(me, object);\n\tif (!had) return doorbell;\n\t// Whether",
	),
	mutation(
		"making an object wipes the pins of others",
		"accesses later puts",
		"objects",
		"0, OBJECT_PINS - OBJECT_HEAD_BYTES);",
		"0, OBJECT_NEXT - OBJECT_HEAD_BYTES);\n\tpin(me, object);",
	),
	mutation(
		"a pin stays on what was gone when it came",
		"accesses later",
		"recovery",
		"takeOffPin(me, object);\n",
	),
	mutation(
		"a removed object is freed though somebody has it open",
		"the other has",
		"objects",
		"isRemoved(object) && !isAnyones(object)",
		"isRemoved(object)",
	),
	mutation(
		"a removed queue keeps its messages' blocks",
		"queue",
		"objects",
		"if (kind == KIND_QUEUE) drain(me, object);",
	),
	mutation(
		"a removed map keeps its entries",
		"map",
		"objects",
		"if (kind == KIND_MAP) clearMap(me, object);",
	),
	mutation("a removed object keeps its type", "struct", "objects", "drop(me, object, OBJECT_TYPE);"),
	mutation(
		"a removed object stays in its list",
		"list of 4",
		"objects",
		"if (unlink(object)) freeOwnBlock",
		"freeOwnBlock",
	),
	mutation(
		"half a removal is not recovered",
		"remove",
		"recovery",
		"if (owner == tagOf(me) && isRemoved(object)) return destroy(me, object);",
	),
	mutation(
		"links have no version",
		"anew",
		"directory",
		"return (((link >> 32) + 1) << 32) | object;",
		"return (link & 0xffffffff00000000) | object;",
	),
	mutation(
		"a search does not look whether the list has changed",
		"look for",
		"directory",
		"if (atomic.load<u64>(place) != link) return BUSY;\n\t\tif (found)",
		"if (found)",
	),
	mutation(
		"inserting does not look whether there is one",
		"construct",
		"directory",
		"if (found != NOT_FOUND) return found >= STATUS_LIMIT ? TAKEN : found;",
	),
	mutation(
		"inserting is no compare-and-swap",
		"construct",
		"directory",
		"if (atomic.cmpxchg<u64>(bucket, head, relinked(head, object)) == head) return OK;",
		"atomic.store<u64>(bucket, relinked(head, object));\n\t\treturn OK;",
	),
	mutation(
		"replacing has no intent",
		"change a",
		"replace",
		"intend(me, INTENT_REPLACE, place, fresh, old, object);",
	),
	mutation(
		"replacing stores before its intent",
		"change a",
		"replace",
		"intend(me, INTENT_REPLACE, place, fresh, old, object);\n",
		"atomic.store<u32>(place, fresh);\n\tintend(me, INTENT_REPLACE, place, fresh, old, object);\n",
	),
	mutation(
		"replacing frees what is old before the word says so",
		"change a",
		"replace",
		"atomic.store<u32>(place, fresh);\n",
		"if (take(me, old, OWNER_REGION)) freeOwned(me, old);\n\tatomic.store<u32>(place, fresh);\n",
	),
	mutation(
		"recovering a replacement forgets the count",
		"change a map",
		"recovery",
		"load<u32>(slot, SLOT_INTENT_E)",
		"0",
	),
	mutation(
		"a dead holder's mutex is simply free",
		"lock",
		"locks",
		"atomic.cmpxchg<u32>(lock, me, LOCK_ABANDONED, LOCK_HOLDER) == me;",
		"atomic.cmpxchg<u32>(lock, me, 0, LOCK_HOLDER) == me;",
	),
	mutation(
		"a dead holder keeps its mutex",
		"lock",
		"objects",
		"if (hasLock(kind)) return abandonLock(me, object);",
	),
	mutation(
		"a dead waiter stays in the list",
		"wait at",
		"locks",
		"\tretract(me, lock);\n\t// SYNC",
		"\t// SYNC",
	),
	mutation(
		"locking is no compare-and-swap",
		"lock",
		"locks",
		"const seen = atomic.cmpxchg<u32>(mutex, 0, me, LOCK_HOLDER);",
		"const seen = atomic.load<u32>(mutex, LOCK_HOLDER);\n\tif (seen == 0) atomic.store<u32>(mutex, me, LOCK_HOLDER);",
	),
	mutation("unlocking rings nobody", "wait for", "locks", "return ringOne(mutex);", "return OK;"),
	mutation(
		"who gives up what it holds rings nobody",
		"is held",
		"locks",
		"return held ? ringOne(lock) : OK;",
		"return OK;",
	),
	mutation(
		"who gives up a queue keeps its ends",
		"as its",
		"objects",
		"const doorbell = hasOpen(me, object) ? leave(me, object) : OK;",
		"const doorbell = hasOpen(me, object) && hasLock(load<u32>(object, OBJECT_KIND)) ? leave(me, object) : OK;",
	),
	mutation(
		"what is passed on as abandoned is simply free",
		"pass it on",
		"locks",
		"return giveUp(me, mutex, LOCK_ABANDONED);",
		"return giveUp(me, mutex, 0);",
	),
	mutation(
		"what was given up can be used",
		"give up",
		"pins",
		"return isCurrent(me) && isObject(offset) && isPinned(me, offset);",
		"return isCurrent(me) && isObject(offset);",
	),
	mutation(
		"what is no object can be used as one",
		"use a block",
		"pins",
		"return isCurrent(me) && isObject(offset) && isPinned(me, offset);",
		"return isCurrent(me) && isPinned(me, offset);",
	),
	mutation(
		"a mutex that was given up can be locked",
		"give up",
		"locks",
		"if (!mayCome(me, mutex)) return FENCED;",
	),
	mutation(
		"one may wait where one has given up",
		"give up",
		"locks",
		"if (!mayCome(me, lock)) return FENCED;\n\tconst index",
		"const index",
	),
	mutation(
		"one may stop waiting where one has given up",
		"give up",
		"locks",
		"if (!mayCome(me, lock)) return FENCED;\n\tretract",
		"retract",
	),
	mutation(
		"one may ring where one has given up",
		"give up",
		"locks",
		"return mayCome(me, lock) ? ringOne(lock) : FENCED;",
		"return ringOne(lock);",
	),
	mutation(
		"one may come as producer where one has given up",
		"give up",
		"endpoints",
		"if (!mayAttach(me, queue)) return FENCED;\n\tconst holder = atomic.cmpxchg<u32>(queue, 0, me, QUEUE_PRODUCER);",
		"const holder = atomic.cmpxchg<u32>(queue, 0, me, QUEUE_PRODUCER);",
	),
	mutation(
		"one may come as consumer where one has given up",
		"give up",
		"endpoints",
		"if (!mayAttach(me, queue)) return FENCED;\n\tconst holder = atomic.cmpxchg<u32>(queue, 0, me, QUEUE_CONSUMER);",
		"const holder = atomic.cmpxchg<u32>(queue, 0, me, QUEUE_CONSUMER);",
	),
	mutation(
		"what is no lock can be locked",
		"what it is not",
		"locks",
		"return hasOpen(me, lock) && hasLock(load<u32>(lock, OBJECT_KIND));",
		"return hasOpen(me, lock);",
	),
	mutation(
		"what is no queue has ends to be taken",
		"what it is not",
		"endpoints",
		"return hasOpen(me, queue) && hasEnds(load<u32>(queue, OBJECT_KIND));",
		"return hasOpen(me, queue);",
	),
	mutation(
		"what is no lock can be unlocked",
		"what it is not",
		"locks",
		" || !hasLock(load<u32>(mutex, OBJECT_KIND))",
	),
	mutation(
		"what is no map or vector can be changed as one",
		"what it is not",
		"locks",
		"atomic.load<u32>(object, LOCK_HOLDER) == me && load<u32>(object, OBJECT_KIND) == kind",
		"atomic.load<u32>(object, LOCK_HOLDER) == me",
	),
	mutation(
		"a producer's word is believed in what is no such queue",
		"what it is not",
		"endpoints",
		"atomic.load<u32>(queue, QUEUE_PRODUCER) == me && load<u32>(queue, OBJECT_KIND) == kind",
		"atomic.load<u32>(queue, QUEUE_PRODUCER) == me",
	),
	mutation(
		"a consumer's word is believed in what is no such queue",
		"what it is not",
		"endpoints",
		"atomic.load<u32>(queue, QUEUE_CONSUMER) == me && load<u32>(queue, OBJECT_KIND) == kind",
		"atomic.load<u32>(queue, QUEUE_CONSUMER) == me",
	),
	mutation(
		"a holder's word is believed in what is no queue",
		"what it is not",
		"endpoints",
		"return atomic.load<u32>(queue + end) == me && hasEnds(load<u32>(queue, OBJECT_KIND));",
		"return atomic.load<u32>(queue + end) == me;",
	),
	mutation(
		"who has cleared a mailbox is its consumer still",
		"give up a mailbox",
		"mailbox",
		"// Nobody without a pin is a holder (`pins.ts`).\n\tatomic.store<u32>(mailbox, 0, QUEUE_CONSUMER);",
	),
	mutation("sharing has no intent", "sharing", "shares", "intend(me, INTENT_SHARE, block, share, 0, 0);"),
	mutation(
		"recovering half a share forgets the block",
		"sharing",
		"shares",
		"handOver(block, OWNER_REGION, tagOf(me));",
	),
	mutation(
		"giving up a reference has no intent",
		"giving up",
		"shares",
		"intend(me, INTENT_UNSHARE, reference, 0, 0, 0);",
	),
	mutation(
		"a dead participant keeps its references",
		"leaving, with",
		"recovery",
		"else if (sizeClass == CLASS_SHARE && owner != OWNER_FREE && owner != OWNER_NONE) sweepShare(me, block);",
	),
	mutation(
		"giving up a reference is no compare-and-swap",
		"recover from one",
		"shares",
		"atomic.cmpxchg<u8>(reference, <u8>tagOf(me), <u8>OWNER_NONE);",
		"atomic.store<u8>(reference, OWNER_NONE);",
	),
	mutation(
		"adding a reference is no compare-and-swap",
		"adding",
		"shares",
		"if (atomic.cmpxchg<u8>(each, OWNER_NONE, <u8>tagOf(me)) == OWNER_NONE) return each;",
		"if (atomic.load<u8>(each) == OWNER_NONE) {\n\t\t\tatomic.store<u8>(each, <u8>tagOf(me));\n\t\t\treturn each;\n\t\t}",
	),
	mutation(
		"sending a block has no intent",
		"send",
		"queue-blocks",
		"intend(me, INTENT_SEND, queue, load<u32>(queue, QUEUE_CLAIMED), block, 0);",
	),
	mutation(
		"recovering takes back what was sent",
		"send",
		"queue-blocks",
		"if (!published) handOver",
		"handOver",
	),
	mutation(
		"taking a block has no intent",
		"receive",
		"queue-blocks",
		"intend(me, INTENT_TAKE, queue, position, block, 0);",
	),
	mutation(
		"a message whose block was taken is not marked",
		"receive",
		"queue-blocks",
		"if (taken) markReleased(record);",
	),
	mutation(
		"releasing at once goes as far as the first",
		"at once",
		"queue",
		"return marks ? OK : advance(queue, position);",
		"return marks ? OK : advance(queue, first);",
	),
	mutation(
		"releasing at once goes as far as the last, and not behind it",
		"at once",
		"queue",
		"return marks ? OK : advance(queue, position);",
		"return marks ? OK : advance(queue, last);",
	),
	mutation(
		"what is released at once behind a message that is held is not marked",
		"at once",
		"queue",
		"else if (marks) markReleased(record);",
	),
	mutation(
		"what is released at once behind a message that is held takes that with it",
		"at once",
		"queue",
		"return marks ? OK : advance(queue, position);",
		"return advance(queue, position);",
	),
	mutation(
		"what was released before counts again when it is released at once",
		"at once",
		"queue",
		"if (!isPassedOver(kind) && kind != RECORD_END) {",
		"released++;\n\t\tif (!isPassedOver(kind) && kind != RECORD_END) {\n\t\t\treleased--;",
	),
	mutation(
		"what is before the head is released at once all over again",
		"at once",
		"queue",
		"let position = <i32>(first - head) < 0 ? head : first;",
		"let position = first;",
	),
	mutation(
		"releasing at once keeps the blocks",
		"at once",
		"queue",
		"if (!takeBlock(me, queue, position, record, false)) return CORRUPT;",
		"if (!takeBlock(me, queue, position, record, true)) return CORRUPT;",
	),
	mutation(
		"releasing at once marks a block's message, and takes no block",
		"at once",
		"queue",
		"if (!takeBlock(me, queue, position, record, false)) return CORRUPT;",
		"markReleased(record);",
	),
	mutation(
		"recovery rings nobody",
		"waits",
		"recovery",
		"atomic.store<u32>(slot, 0, SLOT_ID);\n\tringAll();",
		"atomic.store<u32>(slot, 0, SLOT_ID);",
	),
	mutation(
		"who waits for a message is not rung",
		"waits",
		"endpoints",
		"return wake(queue + QUEUE_CONSUMER_WAITS, queue + QUEUE_CONSUMER);",
		"return OK;",
	),
	mutation(
		"who waits for room is not rung",
		"waits",
		"endpoints",
		"return wake(queue + QUEUE_PRODUCER_WAITS, queue + QUEUE_PRODUCER);",
		"return OK;",
	),
	mutation(
		"publishing comes before the record",
		"send",
		"queue",
		"close(queue, length, RECORD_DATA);",
		"const tail = load<u32>(queue, QUEUE_CLAIMED) + recordBytes(length);\n\tatomic.store<u32>(queue, tail, QUEUE_TAIL);\n\tclose(queue, length, RECORD_DATA);",
	),
	mutation(
		"a new producer goes on behind what was not published",
		"send",
		"endpoints",
		"store<u32>(queue, load<u32>(queue, QUEUE_TAIL), QUEUE_CLAIMED);",
	),
	mutation(
		"a new consumer goes on behind what was not released",
		"receive",
		"endpoints",
		"store<u32>(queue, head, QUEUE_NEXT);",
	),
	mutation(
		"a dead producer keeps its end",
		"send",
		"objects",
		"max(detachProducer(me, object), detachConsumer(me, object))",
		"detachConsumer(me, object)",
	),
	mutation(
		"putting has no intent",
		"put",
		"mailbox",
		"intend(me, INTENT_PUT, mailbox, position, envelope, 0);",
	),
	mutation(
		"recovering takes back what was put",
		"put",
		"mailbox",
		"if ((word & ~(<u64>PLACE_STATE)) == contents(position, envelope, 0)) {",
		"if (places == 0) {",
	),
	mutation(
		"recovering half a put drops nothing",
		"put",
		"mailbox",
		"\t\tdropOldest(me, mailbox, places);\n\t\tdropOldest(me, mailbox, places);\n",
	),
	mutation(
		"recovering half a put does not publish it",
		"put",
		"mailbox",
		"atomic.store<u32>(mailbox, position + 1, QUEUE_TAIL);\n\t\tdropOldest",
		"dropOldest",
	),
	mutation(
		"what is dropped again is passed over",
		"put",
		"mailbox",
		"isIn(word, position, PLACE_DROPPED) ||",
	),
	mutation(
		"a place that is claimed is not passed over",
		"claimed",
		"mailbox",
		"if (isClaimed(placeOf(mailbox, places, position))) position++;",
	),
	mutation(
		"one message too many is kept for each place that was passed over",
		"claimed",
		"mailbox",
		"const second = dropOldest(me, mailbox, places);",
		"const second: u32 = 0;",
	),
	mutation(
		"claiming a message has no intent",
		"take",
		"mailbox",
		"intend(me, INTENT_CLAIM, mailbox, position, envelope, 0);",
	),
	mutation(
		"a message is taken as soon as it is claimed",
		"take",
		"mailbox",
		"contents(position, envelope, PLACE_CLAIMED)) == word;",
		"contents(position, envelope, PLACE_TAKEN)) == word;",
	),
	mutation(
		"half a claim is not recovered",
		"take",
		"mailbox",
		"\t\tfinishClaim(me, mailbox, place, position, envelope);\n\tdone(me);\n}",
		"\t\tdone(me);\n\tdone(me);\n}",
	),
	mutation(
		"dropping to make room has no intent",
		"make room",
		"mailbox",
		"intend(me, INTENT_DROP, mailbox, position, 0, 0);",
	),
	mutation(
		"the newest is dropped to make room",
		"make room",
		"mailbox",
		"if (load<u32>(mailbox, QUEUE_TAIL) - position < 2) break;",
		"if (load<u32>(mailbox, QUEUE_TAIL) == position) break;",
	),
	mutation(
		"a removed mailbox keeps its messages",
		"mailbox",
		"objects",
		"if (kind == KIND_MAILBOX) clearMailbox(me, object);",
	),
	mutation(
		"a message's block stays behind",
		"put",
		"envelopes",
		"if (block != 0 && ownerAt(block) == tagOf(me)) freeOwned(me, block);",
	),
	mutation("saving has no intent", "save", "handles", "intend(me, INTENT_SAVE, block, handle, 0, 0);"),
	mutation(
		"freeing what was saved has no intent",
		"saved",
		"handles",
		"intend(me, INTENT_UNSAVE, block, handle, 0, 0);",
	),
	mutation(
		"freeing what was saved does not ask who came first",
		"saved",
		"handles",
		"if (atomic.cmpxchg<u64>(handle, nonce, me, HANDLE_NONCE) != nonce) {",
		"atomic.store<u64>(handle, me, HANDLE_NONCE);\n\tif (nonce == 0) {",
	),
	mutation(
		"a block that was taken may be of another class",
		"allocate",
		"slabs",
		"if (stateOf(span) == state) return index;",
		"return index;",
	),
	mutation(
		"taking a block is no compare-and-swap",
		"allocate",
		"slabs",
		"if (atomic.cmpxchg<u8>(ownerByte(span, index), OWNER_FREE, <u8>tagOf(me)) == OWNER_FREE) {",
		"if (atomic.load<u8>(ownerByte(span, index)) == OWNER_FREE) {\n\t\t\t\tatomic.store<u8>(ownerByte(span, index), <u8>tagOf(me));",
	),
	mutation("a fresh span is not noted as touched", "allocate", "slabs", "touch(me, fresh);"),
	mutation(
		"an available span is not noted as touched",
		"allocate",
		"slabs",
		"touch(me, span);\n\t\t\t\tclearAvailable",
		"clearAvailable",
	),
	mutation(
		"a run is not noted as touched",
		"allocate",
		"blocks",
		"const first = <u32>claimed;\n\ttouch(me, first);",
		"const first = <u32>claimed;",
	),
	mutation(
		"making a slab has no intent",
		"allocate",
		"slabs",
		"atomic.store<u32>(slot, INTENT_SLAB, SLOT_INTENT);",
	),
	mutation(
		"giving back a slab has no intent",
		"free",
		"slabs",
		"intend(me, INTENT_RETIRE, span, sizeClass, 0, 0);",
	),
	mutation(
		"giving back a slab that is not empty keeps its blocks",
		"free",
		"slabs",
		"while (index > 0) atomic.store<u8>(ownerByte(span, --index), OWNER_FREE);",
	),
	mutation("freeing a run has no intent", "free", "blocks", "intend(me, INTENT_RUN, first, count, 0, 0);"),
	mutation("claiming has no intent", "allocate", "spans", "intend(me, INTENT_RUN, first, count, 0, 0);"),
	mutation(
		"claiming is no compare-and-swap",
		"allocate",
		"spans",
		"if (atomic.cmpxchg<u32>(descriptorOf(first + i), SPAN_FREE, state, DESCRIPTOR_STATE) != SPAN_FREE) {",
		"const before = stateOf(first + i);\n\t\tif (before == SPAN_FREE) setState(first + i, state);\n\t\tif (before != SPAN_FREE) {",
	),
	mutation(
		"a run is freed from its first span on",
		"free",
		"spans",
		"for (let i = count; i > 0; ) {\n\t\ti--;",
		"for (let i: u32 = 0; i < count; i++) {",
	),
	mutation(
		"the dead may allocate",
		"allocate",
		"blocks",
		"if (!isCurrent(me)) return FENCED;\n\tif (bytes",
		"if (bytes",
	),
	mutation("recovery settles nothing", "allocate", "recovery", "\tsettle(me);\n"),
	mutation(
		"recovery forgets a span before it is swept",
		"allocate",
		"recovery",
		"if (isHeapSpan(span)) sweep(me, span);\n",
		"atomic.store<u32>(word, bits & (bits - 1));\n\t\t\tif (isHeapSpan(span)) sweep(me, span);\n",
	),
	mutation(
		"recovery lets others in before it has swept",
		"leave",
		"recovery",
		"\tlet left = STEP;\n",
		"\tatomic.store<u32>(slot, 0, SLOT_ID);\n\tlet left = STEP;\n",
	),
];

/** The core with this change. */
export async function mutate(mutation: Mutation): Promise<CoreModule> {
	return new CoreModule(await compileChanged(mutation));
}

const PLANS: Sweep[] = [
	{ fate: "dies", limit: 12 },
	{ fate: "stops", intrusion: "joins", limit: 40 },
	{ fate: "stops and dies", intrusion: "joins", limit: 12 },
	{ fate: "dies", limit: 6, again: 3 },
	{ fate: "stops", intrusion: "churns", limit: 12 },
	{ fate: "stops", intrusion: "grabs", limit: 12 },
];

/** Which scenario fails first with this core, and how; undefined if all hold. */
export function firstFailure(core: CoreModule, likely: string): string | undefined {
	const isLikely = ({ name }: Scenario) => name.includes(likely);
	const others = scenarios.filter((scenario) => !isLikely(scenario));
	for (const group of [scenarios.filter(isLikely), others]) {
		for (const plan of PLANS) {
			for (const scenario of group) {
				const failure = failureOf(scenario, { ...plan, core });
				if (failure !== undefined) return failure;
			}
		}
	}
	return undefined;
}

function failureOf(scenario: Scenario, plan: Sweep): string | undefined {
	try {
		return sweep(scenario, plan).failures[0];
	} catch (error) {
		return `${scenario.name}, undisturbed: ${error instanceof Error ? error.message : error}`;
	}
}

if (process.argv[1] === join(import.meta.dirname, "mutations.js")) {
	const { positionals } = parseArgs({ allowPositionals: true });
	const wanted = mutations.filter(({ name }) => name.includes(positionals[0] ?? ""));
	let caught = 0;
	for (const each of wanted) {
		const failure = firstFailure(await mutate(each), each.likely);
		if (failure !== undefined) caught++;
		console.log(`${each.name}\n\t${failure ?? "NOT CAUGHT"}`);
	}
	console.log(`${caught} of ${wanted.length} caught`);
	if (caught < wanted.length) process.exitCode = 1;
}
