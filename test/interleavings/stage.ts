/** What all pairs of programs use. */
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

/** Two participants that are stepped, and an observer that prepares, checks, and tidies up. */
export interface Stage {
	world: World;
	a: Participant;
	b: Participant;
	observer: Participant;
}

/** A pair of programs, and checks of what they saw and left. */
export interface Scene {
	a(): Program;
	b(): Program;
	/** Forgets what an earlier schedule noted. */
	reset?(): void;
	/** Runs while both are still there. */
	check?(): void;
	/** The bytes that may be in use after both have left and `tidy` has run. */
	used?: number;
	/** Runs after both have left: the observer frees what they left to the region. */
	tidy?(): void;
}

export function expect(condition: boolean, what: string): asserts condition {
	if (!condition) throw new Error(what);
}

/** A pair of programs with three participants. Whatever the two did: when they have left, nothing of theirs remains. */
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
						// Not found, because it has left already.
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

/** Calls the core by name, and again after each commit that it asks for. */
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

/** Allocates a block of `bytes` filled with `mark`; 0 if there is no room. */
export function* allocate(who: Participant, bytes: number, mark = 0): Generator<Call, number, number> {
	const block = yield* call(who, "allocate", who.me, bytes);
	if (block < STATUS_LIMIT) return 0;
	if (mark === 0) return block;
	expect((yield ["capacityOf", block]) >= bytes, "a block is smaller than what was asked for");
	yield ["fill", block, bytes, mark];
	return block;
}

/** Frees a block, whose contents must be as they were filled. */
export function* free(who: Participant, block: number, bytes = 0, mark = 0): Generator<Call, void, number> {
	if (block === 0) return;
	if (mark !== 0) expect((yield ["filled", block, bytes, mark]) === 1, "somebody else wrote into a block");
	const status = yield* call(who, "free", who.me, block);
	expect(status === OK, `freeing gave ${status}`);
}

/** Opens `object` for these participants, as they must before they use it. */
export function openTo(object: number, ...all: readonly Participant[]): number {
	for (const who of all) who.use(object);
	return object;
}

/** Puts a name where the core reads it. Returns its offset and length. */
export function named(who: Participant, name: string): [number, number] {
	const bytes = Buffer.from(name);
	return [who.lend(bytes), bytes.length];
}

/** The doorbell of a participant. */
export function doorbellOf(who: Participant): number {
	return SLOTS_START + who.slot * SLOT_BYTES + SLOT_DOORBELL;
}

/** A participant that would sleep while its doorbell has the value that was read. It sleeps forever if no one rings. */
export interface Sleeper {
	who: Participant;
	/** The doorbell's value before the last look; undefined until it goes to sleep. */
	doorbell?: number | undefined;
}

/** True if it sleeps and was not woken. `rung` has the doorbells whose sleepers the other one has woken. */
export function oversleeps({ who, doorbell }: Sleeper, rung: readonly number[]): boolean {
	if (doorbell === undefined) return false;
	const word = doorbellOf(who);
	return who.world.words[word >> 2] === doorbell || !rung.includes(word);
}

/** Runs a program to its end with the plain core, without steps. */
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

/** Hands a block or a reference over, through a queue that is then removed. */
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
