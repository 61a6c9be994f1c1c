import type { HeldLock, Mutex } from "dhmem";
import fc, { type Arbitrary } from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, codeOfLater, within } from "../fixture/index.js";
import { type By, but, by, holds, isRefuted, type Openings, type Property } from "./property.js";
import { same } from "./values.js";

const step = fc.oneof(
	{ weight: 3, arbitrary: fc.record({ by, do: fc.constant("try to lock") } as const) },
	{
		weight: 3,
		arbitrary: fc.record({ by, do: fc.constantFrom("unlock", "dispose"), which: fc.nat(9) } as const),
	},
	{ weight: 2, arbitrary: fc.record({ by, do: fc.constant("wait") } as const) },
	fc.record({ by, do: fc.constant("lock at once, blocking") } as const),
	fc.record({ by, do: fc.constant("lock at once") } as const),
	fc.record({ by, do: fc.constant("abort the wait") } as const),
	fc.record({ by, do: fc.constant("leave and come back") } as const),
);
type Step = typeof step extends Arbitrary<infer S> ? S : never;
const walks = fc.array(step, { maxLength: 40, size: "max" });

/** A participant that waits for the mutex while the other one holds it. */
interface Waiting {
	by: By;
	promise: Promise<HeldLock>;
	aborter: AbortController;
}

/** A mutex, two participants that use it, and the one that should hold it. */
class Model {
	holder: By | undefined;
	/** True if the last holder left while it held it. */
	abandoned = false;
	waiting: Waiting | undefined;
	readonly mutexes: [Mutex, Mutex];
	/** All locks that each participant ever got; at most the last one is held. */
	readonly locks: [HeldLock[], HeldLock[]] = [[], []];
	readonly #openings: Openings;
	readonly #change: Change;

	constructor(openings: Openings, change: Change) {
		this.#openings = openings;
		this.#change = change;
		this.mutexes = [this.#open(0), this.#open(1)];
	}

	#open(each: By): Mutex {
		return this.#change(this.#openings.at(each).mutex("mutex"), each);
	}

	/** The expected result of locking without waiting. */
	expected(each: By): "nothing" | "DHMEM_BAD_ARGUMENT" | "DHMEM_TIMEOUT" {
		if (this.holder === undefined) return "nothing";
		return this.holder === each ? "DHMEM_BAD_ARGUMENT" : "DHMEM_TIMEOUT";
	}

	lock(each: By, lock: HeldLock): void {
		same(this.holder, undefined, "who held it before");
		same(lock.abandoned, this.abandoned, "whether it was abandoned");
		this.holder = each;
		this.abandoned = false;
		this.locks[each].push(lock);
	}

	/** The mutex is free, so a waiter gets it. */
	async free(): Promise<void> {
		this.holder = undefined;
		if (this.waiting === undefined) return;
		const { by: each, promise } = this.waiting;
		this.waiting = undefined;
		this.lock(each, await within(20_000, "Waking who waits", promise));
	}

	async unlock(each: By, which: number, way: "unlock" | "dispose"): Promise<void> {
		const locks = this.locks[each];
		const lock = locks[which % locks.length];
		if (lock === undefined) return;
		const held = lock === locks.at(-1) && this.holder === each;
		if (way === "unlock") lock.unlock();
		else lock[Symbol.dispose]();
		same(lock.held, false, "whether it is held when it was given up");
		if (held) await this.free();
	}

	async reopen(each: By): Promise<void> {
		this.#openings.reopen(each);
		if (this.waiting?.by === each) {
			assert.is(await codeOfLater(this.waiting.promise), "DHMEM_CLOSED");
			this.waiting = undefined;
		}
		const old = this.mutexes[each];
		assert.is(
			codeOf(() => old.tryLock()),
			"DHMEM_CLOSED",
		);
		this.mutexes[each] = this.#open(each);
		if (this.holder !== each) return;
		this.abandoned = true;
		await this.free();
	}

	check(): void {
		for (const each of [0, 1] as const) {
			for (const lock of this.locks[each]) {
				const held = this.holder === each && lock === this.locks[each].at(-1);
				same(lock.held, held, "whether a lock is held");
			}
		}
	}
}

type Change = (mutex: Mutex, by: By) => Mutex;

function excludes(change: Change = (mutex) => mutex): Property<Step[]> {
	return async (openings, steps) => {
		const model = new Model(openings, change);
		for (const step of steps) {
			const mutex = model.mutexes[step.by];
			switch (step.do) {
				case "try to lock": {
					const expected = model.expected(step.by);
					const lock = mutex.tryLock();
					same(lock !== undefined, expected === "nothing", "whether it was free");
					if (lock !== undefined) model.lock(step.by, lock);
					break;
				}
				case "lock at once, blocking": {
					const locks: HeldLock[] = [];
					const outcome = codeOf(() => locks.push(mutex.lockSync({ timeout: 0 })));
					same(outcome, model.expected(step.by), step.do);
					for (const lock of locks) model.lock(step.by, lock);
					break;
				}
				case "lock at once": {
					const promise = mutex.lock({ timeout: 0 });
					same(await codeOfLater(promise), model.expected(step.by), step.do);
					if (model.expected(step.by) === "nothing") model.lock(step.by, await promise);
					break;
				}
				case "wait": {
					if (model.waiting !== undefined) break;
					const expected = model.expected(step.by);
					const aborter = new AbortController();
					const promise = mutex.lock({ signal: aborter.signal });
					// If the walk ends with an error, nobody waits any more.
					promise.catch(() => {});
					if (expected === "nothing") model.lock(step.by, await within(20_000, step.do, promise));
					else if (expected === "DHMEM_TIMEOUT") model.waiting = { by: step.by, promise, aborter };
					else same(await codeOfLater(promise), expected, step.do);
					break;
				}
				case "abort the wait": {
					if (model.waiting === undefined) break;
					const { aborter, promise } = model.waiting;
					model.waiting = undefined;
					aborter.abort(new Error("enough"));
					assert.is(await promise.then(String, (error: Error) => error.message), "enough");
					break;
				}
				case "leave and come back":
					await model.reopen(step.by);
					break;
				default:
					await model.unlock(step.by, step.which, step.do);
			}
			model.check();
		}
		if (model.waiting !== undefined) await model.reopen(model.waiting.by);
	};
}

test("a mutex has at most one holder, and the next one learns whether the last one unlocked it or left", () =>
	holds(walks, excludes()));

const faults: [string, Change][] = [
	[
		"says nothing of its last holder's death",
		(mutex) =>
			but(mutex, {
				tryLock() {
					const lock = mutex.tryLock();
					return lock && but(lock, { abandoned: false });
				},
			}),
	],
	[
		"cannot be had by one of them",
		(mutex, each) => but(mutex, each === 0 ? {} : { tryLock: () => undefined }),
	],
	[
		"is given twice to the same",
		(mutex) => {
			let last: HeldLock | undefined;
			return but(mutex, {
				tryLock() {
					last = last?.held ? last : mutex.tryLock();
					return last;
				},
			});
		},
	],
	[
		"stays locked by who disposes the lock",
		(mutex) =>
			but(mutex, {
				tryLock() {
					const lock = mutex.tryLock();
					return lock && but(lock, { [Symbol.dispose]: () => {} });
				},
			}),
	],
];

for (const [fault, change] of faults) {
	test(`a mutex that ${fault} is detected`, () => isRefuted(fault, walks, excludes(change)));
}

test.run();
