/**
 * Removes guards, one at a time, from the core or from the programs. Some pair must fail; otherwise the guard
 * is not tested. `node dist/test/interleavings/controls.js [part of a name]` prints which pair noticed each, and by which
 * schedule.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Change, compileChanged } from "../crash-points/changed.js";
import { exhaust, type Failure, type Pair } from "./explore.js";
import { mapsRead, vectorsRead } from "./pairs/collections.js";
import { pairs } from "./pairs/index.js";
import { waits } from "./pairs/records.js";
import { Steppers } from "./stepper.js";

export interface Control {
	name: string;
	/** The pairs whose names contain this are tried first. */
	likely: string;
	/** A change of the core. */
	change?: Change;
	/** Pairs to run instead of all: their programs are wrong on purpose. */
	pairs?: readonly Pair[];
}

function core(name: string, likely: string, file: string, text: string, replacement: string): Control {
	return { name, likely, change: { file: `${file}.ts`, text, replacement } };
}

export const controls: readonly Control[] = [
	core(
		"taking a block is no compare-and-swap",
		"allocate",
		"slabs",
		"if (atomic.cmpxchg<u8>(ownerByte(span, index), OWNER_FREE, <u8>tagOf(me)) == OWNER_FREE) {",
		"if (atomic.load<u8>(ownerByte(span, index)) == OWNER_FREE) {\n" +
			"atomic.store<u8>(ownerByte(span, index), <u8>tagOf(me));",
	),
	core(
		"a block that was taken may be of another class",
		"cut it anew",
		"slabs",
		"if (stateOf(span) == state) return index;",
		"return index;",
	),
	core(
		"claiming a span is no compare-and-swap",
		"allocate runs",
		"spans",
		"if (atomic.cmpxchg<u32>(descriptorOf(first + i), SPAN_FREE, state, DESCRIPTOR_STATE) != SPAN_FREE) {",
		"const before = stateOf(first + i);\nif (before == SPAN_FREE) setState(first + i, state);\n" +
			"if (before != SPAN_FREE) {",
	),
	core(
		"taking a slab apart does not own it first",
		"take empty spans apart",
		"slabs",
		"if (atomic.cmpxchg<u8>(ownerByte(span, index), OWNER_FREE, tag) == OWNER_FREE) continue;",
		"atomic.store<u8>(ownerByte(span, index), tag);\nif (index < blocks) continue;",
	),
	core(
		"handing over is no compare-and-swap",
		"while another does and makes another of it",
		"blocks",
		"atomic.cmpxchg<u8>(owner, <u8>from, <u8>to) == <u8>from;",
		"atomic.load<u8>(owner) == from && change(owner, to);",
	),
	core(
		"inserting is no compare-and-swap",
		"construct",
		"directory",
		"if (atomic.cmpxchg<u64>(bucket, head, relinked(head, object)) == head) return OK;",
		"if (atomic.load<u64>(bucket) == head) {\natomic.store<u64>(bucket, relinked(head, object));\nreturn OK;\n}",
	),
	core(
		"opening does not look again",
		"open",
		"objects",
		"if (find(name, length) == object) return object;",
		"return object;",
	),
	core(
		"adding a reference is no compare-and-swap",
		"add a reference",
		"shares",
		"if (atomic.cmpxchg<u8>(each, OWNER_NONE, <u8>tagOf(me)) == OWNER_NONE) return each;",
		"if (atomic.load<u8>(each) == OWNER_NONE) {\natomic.store<u8>(each, <u8>tagOf(me));\nreturn each;\n}",
	),
	core(
		"freeing what is saved takes it without its nonce",
		"what is saved",
		"handles",
		"if (atomic.cmpxchg<u64>(handle, nonce, me, HANDLE_NONCE) != nonce) {",
		"atomic.store<u64>(handle, me, HANDLE_NONCE);\nif (block == 0) {",
	),
	core(
		"publishing comes before the record",
		"send, while another receives",
		"queue",
		"close(queue, length, RECORD_DATA);",
		"atomic.store<u32>(queue, load<u32>(queue, QUEUE_CLAIMED) + recordBytes(length), QUEUE_TAIL);\n" +
			"close(queue, length, RECORD_DATA);",
	),
	core(
		"a block is published before it is handed over",
		"send a block",
		"queue",
		"giveBlock(me, queue, block);\n\tclose(queue, bytes, large ? RECORD_LARGE : RECORD_BLOCK);\n" +
			"\tconst doorbell = publishStaged(queue, 1);",
		"close(queue, bytes, large ? RECORD_LARGE : RECORD_BLOCK);\nconst doorbell = publishStaged(queue, 1);\n" +
			"giveBlock(me, queue, block);",
	),
	core(
		"the sender looks for one who waits before it publishes",
		"wait for a message",
		"queue",
		"atomic.store<u32>(queue, load<u32>(queue, QUEUE_CLAIMED), QUEUE_TAIL);\n\treturn wakeConsumer(queue);",
		"const doorbell = wakeConsumer(queue);\n" +
			"atomic.store<u32>(queue, load<u32>(queue, QUEUE_CLAIMED), QUEUE_TAIL);\nreturn doorbell;",
	),
	core(
		"the receiver looks for one who waits before it gives room back",
		"wait for room",
		"queue",
		"atomic.store<u32>(queue, head, QUEUE_HEAD);\n\treturn wakeProducer(queue);",
		"const doorbell = wakeProducer(queue);\n" +
			"atomic.store<u32>(queue, head, QUEUE_HEAD);\nreturn doorbell;",
	),
	core(
		"the receiver looks for one who waits before it gives room for numbers back",
		"wait for room, while another pops",
		"records",
		"atomic.store<u32>(queue, head + count, QUEUE_HEAD);\n" + "\treturn wakeProducer(queue);",
		"const doorbell = wakeProducer(queue);\n" +
			"atomic.store<u32>(queue, head + count, QUEUE_HEAD);\nreturn doorbell;",
	),
	core(
		"nobody who waits for room is woken",
		"wait for room, while another releases at once",
		"endpoints",
		"return wake(queue + QUEUE_PRODUCER_WAITS, queue + QUEUE_PRODUCER);",
		"return OK;",
	),
	core(
		"releasing at once goes as far as the first",
		"releases at once",
		"queue",
		"return marks ? OK : advance(queue, position);",
		"return marks ? OK : advance(queue, first);",
	),
	core(
		"releasing at once goes on to what was not released",
		"releases at once",
		"queue",
		"return marks ? OK : advance(queue, position);",
		"return marks ? OK : advance(queue, load<u32>(queue, QUEUE_CACHED_TAIL));",
	),
	core(
		"what is released at once behind a message that is held gives its room back",
		"releases at once",
		"queue",
		"return marks ? OK : advance(queue, position);",
		"return advance(queue, position);",
	),
	core(
		"an end is taken without a compare-and-swap",
		"come as",
		"endpoints",
		"const holder = atomic.cmpxchg<u32>(queue, 0, me, QUEUE_CONSUMER);",
		"const holder = atomic.load<u32>(queue, QUEUE_CONSUMER);\n" +
			"if (holder == 0) atomic.store<u32>(queue, me, QUEUE_CONSUMER);",
	),
	core(
		"an end is given up before its last positions are written",
		"while a consumer comes",
		"endpoints",
		"store<u32>(queue, head, QUEUE_NEXT);",
		"",
	),
	core(
		"claiming a message is no compare-and-swap",
		"drop, while another takes",
		"mailbox",
		"const isMine = atomic.cmpxchg<u64>(place, word, contents(position, envelope, PLACE_CLAIMED)) == word;",
		"const isMine = atomic.load<u64>(place) == word;\n" +
			"if (isMine) atomic.store<u64>(place, contents(position, envelope, PLACE_CLAIMED));",
	),
	core(
		"dropping a message is no compare-and-swap",
		"drop, while another takes",
		"mailbox",
		"atomic.cmpxchg<u64>(place, word, contents(position, envelope, PLACE_DROPPED)) == word);",
		"atomic.load<u64>(place) == word);\n" +
			"if (isMine) atomic.store<u64>(place, contents(position, envelope, PLACE_DROPPED));",
	),
	core(
		"what is too old is dropped before the message is put",
		"put the latest",
		"mailbox",
		"atomic.store<u64>(place, contents(position, envelope, PLACE_KEPT));",
		"store<u32>(mailbox, position + 1, QUEUE_TAIL);\ndropOldest(me, mailbox, places);\n" +
			"atomic.store<u64>(place, contents(position, envelope, PLACE_KEPT));",
	),
	core(
		"a place that is claimed is written again",
		"over all places",
		"mailbox",
		"return (<u32>atomic.load<u64>(place) & PLACE_STATE) == PLACE_CLAIMED;",
		"return (<u32>atomic.load<u64>(place) & PLACE_STATE) == PLACE_STATE;",
	),
	core(
		"a message is taken before the end that was there before it",
		"begin the next stream",
		"mailbox",
		"if (atomic.load<u64>(mailbox, MAILBOX_END) != end) continue;",
		"",
	),
	core(
		"what is put is not looked at again when nothing was found",
		"put the latest",
		"mailbox",
		"if (atomic.load<u32>(mailbox, QUEUE_TAIL) == tail) return EMPTY;\n\t\t\tcontinue;",
		"return EMPTY;",
	),
	core(
		"the producer looks for one who waits before it has put",
		"wait for a message, while another puts",
		"mailbox",
		"atomic.store<u64>(place, contents(position, envelope, PLACE_KEPT));",
		"const doorbell = wakeConsumer(mailbox);\n" +
			"atomic.store<u64>(place, contents(position, envelope, PLACE_KEPT));\n" +
			"atomic.store<u32>(mailbox, position + 1, QUEUE_TAIL);\ndone(me);\nif (places != 0) return doorbell;",
	),
	core(
		"the end of a mailbox rings nobody",
		"ends a mailbox",
		"mailbox",
		"noteEnd(me, mailbox);\n\treturn wakeConsumer(mailbox);",
		"noteEnd(me, mailbox);\n\treturn OK;",
	),
	core(
		"locking is no compare-and-swap",
		"lock",
		"locks",
		"const seen = atomic.cmpxchg<u32>(mutex, 0, me, LOCK_HOLDER);",
		"const seen = atomic.load<u32>(mutex, LOCK_HOLDER);\nif (seen == 0) atomic.store<u32>(mutex, me, LOCK_HOLDER);",
	),
	core(
		"unlocking rings before the mutex is free",
		"unlock",
		"locks",
		"atomic.store<u32>(mutex, holder, LOCK_HOLDER);\n\treturn ringOne(mutex);",
		"const doorbell = ringOne(mutex);\natomic.store<u32>(mutex, holder, LOCK_HOLDER);\nreturn doorbell;",
	),
	core(
		"who gives up an object rings before its mutex is free",
		"remove a mutex",
		"locks",
		"const held = atomic.cmpxchg<u32>(lock, me, LOCK_ABANDONED, LOCK_HOLDER) == me;\n\treturn held ? ringOne(lock) : OK;",
		"const doorbell = ringOne(lock);\natomic.cmpxchg<u32>(lock, me, LOCK_ABANDONED, LOCK_HOLDER);\nreturn doorbell;",
	),
	core(
		"who gives up a queue rings nobody",
		"remove a queue",
		"objects",
		"return doorbell >= STATUS_LIMIT ? doorbell : OK;",
		"return OK;",
	),
	core(
		"what was given up can be used",
		"use what one has given up",
		"pins",
		"return isCurrent(me) && isObject(offset) && isPinned(me, offset);",
		"return isCurrent(me) && isObject(offset);",
	),
	core(
		"two who ring may ring the same one",
		"ring one of two",
		"locks",
		"if ((atomic.and<u32>(word, ~bit) & bit) == 0) continue;",
		"atomic.and<u32>(word, ~bit);",
	),
	core(
		"links have no version",
		"while another makes the first of its bucket anew",
		"directory",
		"return (((link >> 32) + 1) << 32) | object;",
		"return (link & 0xffffffff00000000) | object;",
	),
	core(
		"a search does not look whether the list has changed",
		"find the last of a bucket",
		"directory",
		"if (atomic.load<u64>(place) != link) return BUSY;\n\t\tif (found)",
		"if (found)",
	),
	core(
		"opening by a handle does not look again",
		"load a handle",
		"objects",
		"if (isNoted(object, nonceLow, nonceHigh)) return OK;",
		"return OK;",
	),
	core(
		"who has taken a removed object does not look again whether it is over",
		"while another does and makes another of it",
		"objects",
		"if (isOver(object)) {\n\t\t\tdone(me);",
		"{\n\t\t\tdone(me);",
	),
	core(
		"who has taken a share does not look again whether it is over",
		"make another of it, while another ends it",
		"shares",
		"over = isOver(share);",
		"over = true;",
	),
	core(
		"looking up a handle does not look again",
		"looks once",
		"handles",
		"return isHandle(handle, nonceLow, nonceHigh) ? block : BAD_HANDLE;",
		"return block;",
	),
	core(
		"what is replaced is freed before its object says that it has changed",
		"that has found it",
		"replace",
		"atomic.add<u32>(object, 1, OBJECT_VERSION);\n\t\ttake(me, old, OWNER_REGION);",
		"if (take(me, old, OWNER_REGION)) freeOwned(me, old);\n\t\tatomic.add<u32>(object, 1, OBJECT_VERSION);",
	),
	core(
		"recovery lets others in before it has swept",
		"join in a dead one's place",
		"recovery",
		"\tlet left = STEP;\n",
		"\tatomic.store<u32>(slot, 0, SLOT_ID);\n\tlet left = STEP;\n",
	),
	core(
		"recovery passes over a share that somebody has taken",
		"took it for ended",
		"recovery",
		"else if (sizeClass == CLASS_SHARE && owner != OWNER_FREE && owner != OWNER_NONE) sweepShare(me, block);",
		"else if (sizeClass == CLASS_SHARE && owner == 0x82) sweepShare(me, block);",
	),
	{ name: "who reads a map does not look at its version", likely: "", pairs: mapsRead("checks nothing") },
	{
		name: "who reads a vector does not look at its version",
		likely: "",
		pairs: vectorsRead("checks nothing"),
	},
	{ name: "who waits reads its doorbell after announcing that", likely: "", pairs: waits("announces first") },
	{ name: "who waits does not look again after announcing that", likely: "", pairs: waits("looks first") },
];

/** Changing an owner byte in a way that is not atomic. */
const helpers = `
function change(owner: u32, to: u32): bool {
	atomic.store<u8>(owner, <u8>to);
	return true;
}
`;

/** The first failure that the change causes; undefined if nothing notices it. */
export async function firstFailure(
	control: Control,
	shipped: Steppers,
	budget = 3000,
): Promise<Failure | undefined> {
	const steppers = control.change ? new Steppers(await compileChanged(control.change, helpers)) : shipped;
	const all = control.pairs ?? pairs;
	const isLikely = ({ name }: Pair) => name.includes(control.likely);
	for (const group of [all.filter(isLikely), all.filter((each) => !isLikely(each))]) {
		for (const pair of group) {
			const { race } = exhaust(pair, steppers, 3, budget, 1);
			const [failure] = race.findings.failures;
			if (failure !== undefined) return failure;
		}
	}
	return undefined;
}

async function main(): Promise<number> {
	const { positionals } = parseArgs({ allowPositionals: true });
	const wanted = controls.filter(({ name }) => name.includes(positionals[0] ?? ""));
	const shipped = new Steppers();
	let caught = 0;
	for (const control of wanted) {
		const failure = await firstFailure(control, shipped);
		if (failure !== undefined) caught++;
		const by = failure && `${failure.pair}\n\t${failure.schedule}: ${failure.message}`;
		console.log(`${control.name}\n\t${by ?? "NOT CAUGHT"}`);
	}
	console.log(`${caught} of ${wanted.length} caught`);
	return caught === wanted.length ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
