import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { regionTest } from "../fixture/index.js";

/** One user's view of the region: a mutex, a condition, and what they guard. */
function guarded(region: Region) {
	return {
		mutex: region.mutex("mutex"),
		condition: region.condition("condition"),
		state: region.struct("state", { value: "u32" }),
	};
}

/** Lets another participant make a change and notify. */
function change(name: string, value: number, notify: "notifyOne" | "notifyAll"): void {
	using other = Region.open(name);
	const { mutex, condition, state } = guarded(other);
	using _held = mutex.lockSync();
	state.value = value;
	condition[notify]();
}

for (const notify of ["notifyOne", "notifyAll"] as const) {
	regionTest(`${notify} reaches each wait of a participant that waits twice`, async (region) => {
		const { mutex, condition, state } = guarded(region);
		const looks: string[] = [];
		const wait = async (name: string, wanted: number) => {
			const until = () => {
				looks.push(`${name} at ${state.value}`);
				return state.value === wanted;
			};
			using held = mutex.lockSync();
			await condition.wait(held, { until });
			// One round is enough, although the first wait continues in it.
			const after = looks.filter((look) => look.endsWith("at 1"));
			if (wanted === 1) assert.equal(after, ["first at 1", "second at 1"]);
		};
		const first = wait("first", 2);
		const second = wait("second", 1);
		change(region.name, 1, notify);
		await second;
		change(region.name, 2, notify);
		await first;
	});
}

regionTest("a change that came in time counts, though nobody was notified of it", async (region) => {
	const { mutex, condition, state } = guarded(region);
	using held = mutex.lockSync();
	const waiting = condition.wait(held, { until: () => state.value === 1, timeout: 1 });
	state.value = 1;
	await waiting;
	assert.is(held.held, true);
	let looks = 0;
	condition.waitSync(held, { until: () => ++looks > 1, timeout: 1 });
	assert.is(looks, 2);
	assert.is(held.held, true);
});

test.run();
