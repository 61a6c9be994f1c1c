/** Loads the core: compiles it once for each thread, and instantiates it over each region's memory. */
import { readFileSync } from "node:fs";
import { isErrorNamed } from "../errors.js";
import { damaged, pathOfPart } from "../host/parts.js";
import { instantiateSync } from "./loader.js";

/** The core's exports; docs/core-abi.md documents them. Results are signed: `>>> 0` makes them unsigned. */
export interface Core {
	format(spans: number, identityLow: number, identityHigh: number, lifetime: number, bulk: number): number;
	join(slot: number): number;
	recover(slot: number): number;
	committed(me: number): void;
	cancel(me: number): void;
	reclaim(me: number): void;
	trim(me: number): number;
	punched(me: number): void;
	allocate(me: number, bytes: number): number;
	allocateBulk(me: number, bytes: number): number;
	allocateObject(me: number): number;
	allocateHandle(me: number): number;
	free(me: number, block: number): number;
	freeInternal(me: number, block: number): number;
	allocateShare(me: number): number;
	share(me: number, block: number, share: number): number;
	addReference(me: number, reference: number): number;
	bytesOf(block: number): number;
	fileOffsetOf(block: number): number;
	capacityOf(block: number): number;
	checkOwned(me: number, block: number): number;
	used(): number;
	largestFree(spans: number): number;
	largestFreeBulk(): number;
	find(name: number, length: number): number;
	nextObject(bucket: number, object: number): number;
	open(me: number, name: number, length: number): number;
	openAt(me: number, object: number, low: number, high: number): number;
	isNoted(object: number, low: number, high: number): number;
	construct(me: number, object: number, template: number): number;
	remove(me: number, name: number, length: number): number;
	unpin(me: number, object: number): number;
	attachProducer(me: number, queue: number): number;
	attachConsumer(me: number, queue: number): number;
	detachProducer(me: number, queue: number): number;
	detachConsumer(me: number, queue: number): number;
	announceProducer(me: number, queue: number): number;
	announceConsumer(me: number, queue: number): number;
	reserve(me: number, queue: number, length: number): number;
	stage(me: number, queue: number, length: number): number;
	publish(me: number, queue: number, count: number): number;
	commit(me: number, queue: number, length: number): number;
	commitBlock(me: number, queue: number, bytes: number, large: number, block: number, length: number): number;
	abort(me: number, queue: number): number;
	end(me: number, queue: number): number;
	peek(me: number, queue: number): number;
	peekMany(me: number, queue: number, max: number, out: number): number;
	reserveMany(me: number, queue: number, length: number, count: number): number;
	commitMany(me: number, queue: number, count: number): number;
	release(me: number, queue: number, position: number, keep: number): number;
	releaseThrough(me: number, queue: number, first: number, last: number): number;
	recordsRoom(me: number, queue: number): number;
	recordsPublish(me: number, queue: number, count: number): number;
	recordsEnd(me: number, queue: number): number;
	recordsAvailable(me: number, queue: number): number;
	recordsRelease(me: number, queue: number, count: number): number;
	mailboxPut(
		me: number,
		mailbox: number,
		envelope: number,
		length: number,
		block: number,
		blockLength: number,
	): number;
	mailboxDrop(me: number, mailbox: number): number;
	mailboxEnd(me: number, mailbox: number): number;
	mailboxTake(me: number, mailbox: number): number;
	tryLock(me: number, mutex: number): number;
	unlock(me: number, mutex: number): number;
	abandon(me: number, mutex: number): number;
	announceLock(me: number, lock: number): number;
	isAnnounced(me: number, lock: number): number;
	retractLock(me: number, lock: number): number;
	ringNext(me: number, lock: number): number;
	mapFind(map: number, key: number, length: number): number;
	mapPlaces(map: number): number;
	mapEntry(map: number, index: number): number;
	mapSet(me: number, map: number, entry: number): number;
	mapDelete(me: number, map: number, key: number, length: number): number;
	mapNeeds(map: number): number;
	mapGrow(me: number, map: number, table: number): number;
	setVectorLength(me: number, vector: number, length: number): number;
	moveVector(me: number, vector: number, fresh: number, bytes: number): number;
	save(me: number, handle: number, low: number, high: number, block: number, length: number): number;
	lookUp(handle: number, low: number, high: number): number;
	freeSaved(me: number, handle: number, low: number, high: number): number;
}

/** The operations that write nothing. A read-only opening has only these, and a test checks them. */
export const reading: ReadonlySet<string> = new Set<keyof Core>([
	"bytesOf",
	"capacityOf",
	"fileOffsetOf",
	"find",
	"isNoted",
	"largestFree",
	"largestFreeBulk",
	"lookUp",
	"mapEntry",
	"mapFind",
	"mapPlaces",
	"nextObject",
	"used",
]);

/**
 * Compiled by the loader. If the loader runs in another realm, it does not recognise a module that was
 * compiled here.
 */
let compiled: WebAssembly.Module | undefined;

/** Handlers for operations that throw, or that must not run. */
interface Handlers {
	/**
	 * An exception from the core (a trap or a stack overflow) leaves an operation half done, so the participant
	 * must not call the core again. Returns the error to throw, for the first and every later call.
	 */
	onThrow(error?: unknown): Error;
	/** Returns the error for a writing operation on a read-only opening. */
	refuse?: ((operation: string) => Error) | undefined;
}

/** A `WebAssembly.Memory`. Users compile this type without the DOM's types, which declare that one. */
interface Memory {
	readonly buffer: SharedArrayBuffer;
}

/** Instantiates the core over `memory`. */
export function instantiate(memory: Memory, { onThrow, refuse }: Handlers): Core {
	// Not the loader's own `exports`: those take any number of arguments, which makes them slow.
	const { module, instance } = load({ env: { memory } });
	compiled = module;
	const state = { threw: false };
	const guarded = Object.entries(instance.exports)
		.filter((entry): entry is [string, Operation] => typeof entry[1] === "function")
		.map(([name, operation]) => {
			if (refuse === undefined || reading.has(name)) return [name, guard(operation, state, onThrow)];
			const refused = () => {
				throw refuse(name);
			};
			return [name, refused];
		});
	return Object.fromEntries(guarded) as Core;
}

function load(imports: Parameters<typeof instantiateSync>[1]): ReturnType<typeof instantiateSync> {
	try {
		return instantiateSync(compiled ?? readFileSync(pathOfPart("core.wasm")), imports);
	} catch (error) {
		throw isErrorNamed(error, "CompileError") ? damaged("core.wasm", error) : error;
	}
}

type Operation = (...values: number[]) => number;

/** State that all operations of an instance share: whether one of them threw. */
interface State {
	threw: boolean;
}

/**
 * Wraps `operation` so that no operation runs after one has thrown. After a stack overflow `onThrow` may fail
 * too, so the exception is noted first, which needs no stack.
 *
 * Each wrapper is compiled from its own text, with the operation's number of parameters. With one shared
 * closure the engine would see one call site with dozens of targets, which is three times as slow.
 */
function guard(operation: Operation, state: State, onThrow: (error?: unknown) => Error): Operation {
	const make = compile(operation.length) ?? guardSlowly;
	return make(operation, state, onThrow);
}

/**
 * Undefined if code can't be compiled from text, as under `--disallow-code-generation-from-strings` and in
 * other embedders.
 */
function compile(arity: number): typeof guardSlowly | undefined {
	const parameters = Array.from({ length: arity }, (_, index) => `p${index}`).join();
	try {
		return new Function(
			"operation",
			"state",
			"onThrow",
			`return (${parameters}) => {
				if (state.threw) throw onThrow();
				try {
					return operation(${parameters});
				} catch (error) {
					state.threw = true;
					throw onThrow(error);
				}
			};`,
		) as typeof guardSlowly;
	} catch (error) {
		if (isErrorNamed(error, "EvalError")) return undefined;
		throw error;
	}
}

function guardSlowly(operation: Operation, state: State, onThrow: (error?: unknown) => Error): Operation {
	return (...values) => {
		if (state.threw) throw onThrow();
		try {
			return operation(...values);
		} catch (error) {
			state.threw = true;
			throw onThrow(error);
		}
	};
}
