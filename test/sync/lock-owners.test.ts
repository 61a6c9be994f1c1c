import { AsyncLocalStorage } from "node:async_hooks";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { type Condition, type DhmemError, type Mutex, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, regionTest } from "../fixture/index.js";

const fields = { value: "u32" } as const;
const child = new URL("./lock-child.js", import.meta.url).pathname;

/** One user's view of the region: a mutex, a condition, and what they guard. */
function guarded(region: Region) {
	return {
		mutex: region.mutex("mutex"),
		condition: region.condition("condition"),
		state: region.struct("state", fields),
	};
}

function codeOfPromise(promise: Promise<unknown>): Promise<string> {
	return promise.then(String, (error: DhmemError) => error.code ?? String(error));
}

/** Another participant takes the mutex, changes half of what it guards, and is gone. */
function changeAndDie(name: string): void {
	using other = Region.open(name);
	const { mutex, condition, state } = guarded(other);
	assert.ok(mutex.tryLock());
	state.value = 99;
	condition.notifyAll();
}

/** Checks that the mutex is free: another participant can lock it, and this one too. */
function expectFree(region: Region): void {
	using other = Region.open(region.name);
	for (const each of [other, region]) {
		const lock = each.mutex("mutex").tryLock();
		assert.ok(lock, "somebody has it");
		lock.unlock();
	}
}

function expectTaken(region: Region): void {
	using other = Region.open(region.name);
	assert.is(other.mutex("mutex").tryLock(), undefined, "another could take it");
}

// ------------------------------------------------------------------------------------------- abandonment

regionTest("after a wait, `abandoned` says that the last holder died with the mutex", async (region) => {
	const { mutex, condition, state } = guarded(region);
	const held = mutex.lockSync();
	const waiting = condition.wait(held, { until: () => state.value === 99 });
	assert.is(held.abandoned, false);
	changeAndDie(region.name);
	await waiting;
	assert.is(held.held, true);
	assert.is(held.abandoned, true);
	held.unlock();
	assert.is(mutex.lockSync().abandoned, false);
});

regionTest("after a blocking wait too", async (region) => {
	const { mutex, condition, state } = guarded(region);
	const held = mutex.lockSync();
	const process_ = spawn(process.execPath, [child, region.name, "die"], { stdio: "inherit" });
	condition.waitSync(held, { until: () => state.value === 99, timeout: 60_000 });
	assert.is(held.abandoned, true);
	held.unlock();
	assert.is(mutex.lockSync().abandoned, false);
	await once(process_, "exit");
});

regionTest("a failed wait also sets `abandoned`", async (region) => {
	const { mutex, condition } = guarded(region);
	const held = mutex.lockSync();
	const controller = new AbortController();
	const waiting = condition.wait(held, { until: () => false, signal: controller.signal });
	const other = Region.open(region.name);
	assert.ok(other.mutex("mutex").tryLock());
	controller.abort(new Error("enough"));
	await turn();
	other.close();
	assert.match(await codeOfPromise(waiting), /enough/);
	assert.is(held.held, true);
	assert.is(held.abandoned, true);
});

regionTest(
	"a waiter that only checks its condition leaves `abandoned` to the next holder",
	async (region) => {
		const { mutex, condition } = guarded(region);
		const held = mutex.lockSync();
		let looks = 0;
		const controller = new AbortController();
		const waiting = condition.wait(held, { until: () => ++looks < 0, signal: controller.signal });
		changeAndDie(region.name);
		for (const before = looks; looks === before; ) await turn();
		{
			using other = Region.open(region.name);
			using theirs = await other.mutex("mutex").lock();
			assert.is(theirs.abandoned, true);
		}
		controller.abort(new Error("enough"));
		assert.match(await codeOfPromise(waiting), /enough/);
		assert.is(held.abandoned, false, "the other one was told, and gave it up in order");
	},
);

regionTest(
	"an until() that returns a promise is refused, because the promise would count as true",
	async (region) => {
		const { mutex, condition } = guarded(region);
		const held = mutex.lockSync();
		// biome-ignore lint/suspicious/noThenProperty: promises of other libraries look like this
		const thenable = { then: (resolve: (value: boolean) => void) => resolve(false) };
		for (const late of [Promise.resolve(false), Promise.reject(new Error("late")), thenable]) {
			const until = (() => late) as unknown as () => boolean;
			assert.is(
				codeOf(() => condition.waitSync(held, { until })),
				"DHMEM_BAD_ARGUMENT",
			);
			assert.is(await codeOfPromise(condition.wait(held, { until })), "DHMEM_BAD_ARGUMENT");
			assert.is(held.held, true);
		}
		let looks = 0;
		const later = (() => (++looks > 1 ? Promise.resolve(true) : false)) as unknown as () => boolean;
		assert.is(await codeOfPromise(condition.wait(held, { until: later })), "DHMEM_BAD_ARGUMENT");
		assert.is(held.held, true);
	},
);

// -------------------------------------------------------------------------------------------- one owner

regionTest("unlocking ends the wait that uses the lock, and the mutex is free", async (region) => {
	const { mutex, condition, state } = guarded(region);
	const held = await mutex.lock();
	const waiting = codeOfPromise(condition.wait(held, { until: () => state.value === 1 }));
	assert.is(held.held, false, "a wait has given it up");
	held.unlock();
	held.unlock();
	state.value = 1;
	condition.notifyAll();
	assert.is(await waiting, "DHMEM_CLOSED");
	assert.is(held.held, false);
	expectFree(region);
});

regionTest("leaving the scope of the lock unlocks it", async (region) => {
	const { mutex, condition } = guarded(region);
	let waiting: Promise<string>;
	{
		using held = await mutex.lock();
		waiting = codeOfPromise(condition.wait(held, { until: () => false }));
	}
	assert.is(await waiting, "DHMEM_CLOSED");
	expectFree(region);
});

regionTest("unlocking while a failed wait takes the mutex again ends that, too", async (region) => {
	const { mutex, condition } = guarded(region);
	using other = Region.open(region.name);
	const held = await mutex.lock();
	const controller = new AbortController();
	const waiting = codeOfPromise(condition.wait(held, { until: () => false, signal: controller.signal }));
	const theirs = other.mutex("mutex").lockSync();
	controller.abort(new Error("enough"));
	await turn();
	held.unlock();
	assert.is(await waiting, "DHMEM_CLOSED");
	theirs.unlock();
	expectFree(region);
});

regionTest("a lock that another task takes meanwhile is its own", async (region) => {
	const { mutex, condition, state } = guarded(region);
	const first = await mutex.lock();
	const waiting = codeOfPromise(condition.wait(first, { until: () => state.value === 1 }));
	const second = await mutex.lock();
	first.unlock();
	assert.is(second.held, true);
	expectTaken(region);
	assert.is(await waiting, "DHMEM_CLOSED");
	expectTaken(region);
	second.unlock();
	expectFree(region);
});

regionTest("two tasks of a participant may wait at once, each with its own lock", async (region) => {
	const { mutex, condition, state } = guarded(region);
	const first = await mutex.lock();
	const one = condition.wait(first, { until: () => state.value >= 1 }).then(() => first.unlock());
	const second = await mutex.lock();
	const two = condition.wait(second, { until: () => state.value >= 1 }).then(() => second.unlock());
	{
		using _third = await mutex.lock();
		state.value = 1;
		condition.notifyAll();
	}
	await Promise.all([one, two]);
	expectFree(region);
});

regionTest("a second wait with the same lock is refused", async (region) => {
	const { mutex, condition, state } = guarded(region);
	const held = await mutex.lock();
	const until = () => state.value === 1;
	const waiting = condition.wait(held, { until });
	assert.is(await codeOfPromise(condition.wait(held, { until })), "DHMEM_BAD_ARGUMENT");
	assert.is(
		codeOf(() => condition.waitSync(held, { until })),
		"DHMEM_BAD_ARGUMENT",
	);
	state.value = 1;
	condition.notifyAll();
	await waiting;
	assert.is(held.held, true);
	// Afterwards it can be used for another wait.
	await condition.wait(held, { until });
	held.unlock();
	expectFree(region);
});

// ------------------------------------------------------------------------------------- what `until` may do

/** What `until` does in its second call, with the mutex taken again, and the outcome of the wait. */
async function interfere(
	region: Region,
	act: (locks: { mutex: Mutex; condition: Condition }, unlock: () => void) => boolean,
): Promise<string> {
	const { mutex, condition } = guarded(region);
	const held = mutex.lockSync();
	let calls = 0;
	const until = () => {
		if (++calls !== 2) return false;
		return act({ mutex, condition }, () => held.unlock());
	};
	const waiting = condition.wait(held, { until, timeout: 60_000 });
	condition.notifyAll();
	const code = await codeOfPromise(waiting);
	assert.is(calls, 2);
	return code;
}

regionTest("an until() that closes an endpoint does not affect the mutex", async (region) => {
	const { mutex, condition, state } = guarded(region);
	const queue = region.queue("queue");
	const held = await mutex.lock();
	const until = () => {
		using _consumer = queue.consumer();
		return state.value === 1;
	};
	const waiting = condition.wait(held, { until });
	state.value = 1;
	condition.notifyAll();
	await waiting;
	assert.is(held.held, true);
	expectTaken(region);
	held.unlock();
	expectFree(region);
});

regionTest("effects of until() on other waits are handled after it", async (region) => {
	const end = region.queue("queue").consumer();
	const receiving = codeOfPromise(end.receive());
	assert.is(
		await interfere(region, () => {
			end.close();
			return true;
		}),
		"undefined",
	);
	assert.is(await receiving, "DHMEM_CLOSED");
});

for (const answer of [true, false]) {
	regionTest(`an until() that unlocks, and says ${answer}, ends the wait`, async (region) => {
		const code = await interfere(region, (_, unlock) => {
			unlock();
			return answer;
		});
		assert.is(code, "DHMEM_CLOSED");
		expectFree(region);
	});

	regionTest(`an until() that removes the mutex, and says ${answer}, ends the wait`, async (region) => {
		const code = await interfere(region, () => {
			region.remove("mutex");
			return answer;
		});
		assert.is(code, "DHMEM_CLOSED");
		expectFree(region);
	});

	regionTest(`an until() that closes the region, and says ${answer}, ends the wait`, async (region) => {
		const other = Region.open(region.name);
		const code = await interfere(other, () => {
			other.close();
			return answer;
		});
		assert.is(code, "DHMEM_CLOSED");
		expectFree(region);
	});
}

regionTest("an until() that removes the condition ends the wait, and the mutex is held", async (region) => {
	const { mutex, condition } = guarded(region);
	const held = mutex.lockSync();
	let calls = 0;
	const until = () => {
		if (++calls === 2) region.remove("condition");
		return false;
	};
	const waiting = condition.wait(held, { until });
	condition.notifyAll();
	assert.is(await codeOfPromise(waiting), "DHMEM_CLOSED");
	assert.is(held.held, true);
	expectTaken(region);
});

regionTest("an until() that unlocks ends a blocking wait, and the mutex is free", (region) => {
	const { mutex, condition } = guarded(region);
	for (const answer of [true, false]) {
		const held = mutex.lockSync();
		const until = () => {
			held.unlock();
			return answer;
		};
		assert.is(
			codeOf(() => condition.waitSync(held, { until })),
			"DHMEM_CLOSED",
		);
		expectFree(region);
	}
});

regionTest("until() can't wait with the lock that it is called under", async (region) => {
	const { mutex, condition } = guarded(region);
	const held = mutex.lockSync();
	const codes: unknown[] = [];
	const until = () => {
		codes.push(codeOf(() => condition.waitSync(held, { until: () => true })));
		return true;
	};
	await condition.wait(held, { until });
	condition.waitSync(held, { until });
	assert.equal(codes, ["DHMEM_BAD_ARGUMENT", "DHMEM_BAD_ARGUMENT"]);
	assert.is(held.held, true);
});

regionTest("the options of a wait are read once", async (region) => {
	const { mutex, condition, state } = guarded(region);
	using held = mutex.lockSync();
	let reads = 0;
	const options = {
		get until() {
			reads++;
			return () => state.value === 1;
		},
	};
	const waiting = condition.wait(held, options);
	state.value = 1;
	condition.notifyAll();
	await waiting;
	assert.is(reads, 1);
});

regionTest(
	"until() runs in the asynchronous context of its wait, whichever participant rings",
	async (region) => {
		const { mutex, condition, state } = guarded(region);
		const storage = new AsyncLocalStorage<string>();
		const seen: (string | undefined)[] = [];
		const waits = ["first", "second"].map((name, index) =>
			storage.run(name, async () => {
				using held = mutex.lockSync();
				await condition.wait(held, {
					until: () => {
						seen.push(storage.getStore() === name ? "its own" : storage.getStore());
						return state.value > index;
					},
				});
				return storage.getStore();
			}),
		);
		using other = Region.open(region.name);
		for (const value of [1, 2]) {
			await storage.run("another's", async () => {
				using _held = await other.mutex("mutex").lock();
				state.value = value;
				condition.notifyAll();
			});
		}
		assert.equal(await Promise.all(waits), ["first", "second"]);
		assert.ok(seen.length >= 4, `${seen.length} looks`);
		assert.equal([...new Set(seen)], ["its own"]);
	},
);

test.run();
