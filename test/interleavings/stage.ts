/** What the pairs of programs have in common. */
import {
	KIND_QUEUE,
	NEED_COMMIT,
	NOT_FOUND,
	OK,
	OWNER_IN_FLIGHT,
	REFERENCE_BYTES,
	SLOT_BYTES,
	SLOT_DOORBELL,
	SLOTS_START,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import type { Core } from "../../src/core/core.js";
import type { Participant, World } from "../crash-points/world.js";
import type { Pair } from "./explore.js";
import type { Call, Program } from "./stepper.js";

/** Two who are stepped, and one who prepares, looks, and tidies up. */
export interface Stage {
	world: World;
	a: Participant;
	b: Participant;
	observer: Participant;
}

/** What a pair is made of: the two programs, and what must be true of what they saw and left. */
export interface Scene {
	a(): Program;
	b(): Program;
	/** Forgets what an earlier schedule noted. */
	reset?(): void;
	/** While both are still there. */
	check?(): void;
	/** After both have left: bytes that may still be used. What `tidy` left is compared with it. */
	used?: number;
	/** Takes away what the two left to the region, by the observer, after both have left. */
	tidy?(): void;
}

export function expect(condition: boolean, what: string): asserts condition {
	if (!condition) throw new Error(what);
}

/** A pair over three participants. Whatever the two did, when they have left nothing of theirs is left. */
export function pair(name: string, prepare: (stage: Stage) => Scene): Pair {
	return {
		name,
		prepare: (world) => {
			const [a, b, observer] = [world.participant(0), world.participant(1), world.participant(2)];
			const scene = prepare({ world, a, b, observer });
			const begin = (program: () => Program) => () => {
				scene.reset?.();
				return program();
			};
			return {
				programs: [begin(scene.a), begin(scene.b)],
				check: () => {
					scene.check?.();
					for (const each of [a, b]) {
						const { status } = observer.recover(each.slot);
						// Not found: it has left already.
						expect(status === OK || status === NOT_FOUND, "one of them could not leave");
						expect(!world.owns(each.slot + 1), "one has left, and owns blocks still");
					}
					scene.tidy?.();
					expect(!world.owns(OWNER_IN_FLIGHT), "a block is in flight for ever");
					const used = observer.core.used();
					expect(used === (scene.used ?? 0), `${used} bytes are used in the end, not ${scene.used ?? 0}`);
				},
			};
		},
	};
}

/** A call by its name and parameters, and again after each commit that it asks for. */
export function* call<Name extends keyof Core>(
	who: Participant,
	name: Name,
	...parameters: Parameters<Core[Name]>
): Generator<Call, number, number> {
	for (;;) {
		const result = yield [name, ...parameters] as unknown as Call;
		if (result !== NEED_COMMIT) return result;
		yield ["committed", who.me];
	}
}

/** A block of `bytes` filled with `mark`, or 0 where there is no room. */
export function* allocate(who: Participant, bytes: number, mark = 0): Generator<Call, number, number> {
	const block = yield* call(who, "allocate", who.me, bytes);
	if (block < STATUS_LIMIT) return 0;
	if (mark === 0) return block;
	expect((yield ["capacityOf", block]) >= bytes, "a block is smaller than what was asked for");
	yield ["fill", block, bytes, mark];
	return block;
}

/** Frees a block, which must be as it was filled. */
export function* free(who: Participant, block: number, bytes = 0, mark = 0): Generator<Call, void, number> {
	if (block === 0) return;
	if (mark !== 0) expect((yield ["filled", block, bytes, mark]) === 1, "somebody else wrote into a block");
	const status = yield* call(who, "free", who.me, block);
	expect(status === OK, `freeing gave ${status}`);
}

/** `object`, which all of them have open now, as whoever uses it must. */
export function openTo(object: number, ...all: readonly Participant[]): number {
	for (const who of all) who.use(object);
	return object;
}

/** Puts a name where the core reads it; where that is, and its length. */
export function named(who: Participant, name: string): [number, number] {
	const bytes = Buffer.from(name);
	return [who.lend(bytes), bytes.length];
}

/** The doorbell of a participant, by its slot. */
export function doorbellOf(who: Participant): number {
	return SLOTS_START + who.slot * SLOT_BYTES + SLOT_DOORBELL;
}

/** One that would sleep: on what it read from its doorbell. It sleeps for ever if nobody rings. */
export interface Sleeper {
	who: Participant;
	/** What the doorbell said before the last look; undefined while it has not gone to sleep. */
	doorbell?: number | undefined;
}

/** Whether it sleeps and was not rung: `rung` are the doorbells whose sleepers the other has woken. */
export function oversleeps({ who, doorbell }: Sleeper, rung: readonly number[]): boolean {
	if (doorbell === undefined) return false;
	const word = doorbellOf(who);
	return who.world.words[word >> 2] === doorbell || !rung.includes(word);
}

/** Runs a program to its end by the core as it is, without steps. */
export function atOnce<Result>(who: Participant, program: Generator<Call, Result, number>): Result {
	let result = 0;
	for (;;) {
		const next = program.next(result);
		if (next.done) return next.value;
		const [name, ...parameters] = next.value;
		const [at, second, third] = parameters as [number, number, number];
		if (name === "read") result = who.world.words[at >> 2] as number;
		else if (name === "write") who.world.words[at >> 2] = second;
		else if (name === "fill") who.world.fill(at, second, third);
		else if (name === "filled") result = Number(who.world.isFilled(at, second, third));
		else result = (who.core[name] as (...values: number[]) => number)(...(parameters as number[])) >>> 0;
	}
}

/** Hands a block or a reference over, through a queue that is removed again. */
export function give(from: Participant, to: Participant, block: number): void {
	const { core } = from;
	const name = "given";
	const queue = from.construct(name, KIND_QUEUE, { capacity: 64 });
	to.open(name);
	core.attachProducer(from.me, queue);
	core.attachConsumer(to.me, queue);
	core.reserve(from.me, queue, REFERENCE_BYTES);
	expect(core.commitBlock(from.me, queue, REFERENCE_BYTES, 1, block, 1) === OK, "it could not be sent");
	core.peek(to.me, queue);
	expect(core.release(to.me, queue, to.result(), 1) === OK, "it could not be taken");
	core.detachProducer(from.me, queue);
	core.detachConsumer(to.me, queue);
	core.unpin(to.me, queue);
	from.remove(name);
}
