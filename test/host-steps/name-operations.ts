/** Operations that change what a name means: abandoned regions are removed, replaced or skipped. */
import { Region } from "dhmem";
import * as assert from "uvu/assert";
import { litterAmong, type Operation } from "./operation.js";
import { NAME, SIZE, type VictimStage } from "./victim-stage.js";

const DEAD_TEMPORARY = "die in a temporary region";

const deadTemporary: Operation = {
	name: DEAD_TEMPORARY,
	victim: (stage) => {
		stage.keep(Region.temporary({ directory: stage.directory, size: SIZE }));
		return () => stage.die();
	},
	survivor: () => ({ verify() {} }),
};

/** An operation on a `last-close` region whose last participant has died. */
function meetingTheDead(name: string, body: (stage: VictimStage) => unknown, expected: string): Operation {
	return {
		name,
		victim: (stage) => () => body(stage),
		async survivor(stage) {
			await stage.run("die as the last one");
			return {
				verify({ result, undisturbed }) {
					if (undisturbed) assert.is(result, expected);
					// The next opening removes what is left of an unfinished replacement.
					stage.enter({ lifetime: "last-close" }).goOn();
					assert.equal(litterAmong(stage.names()), [], "litter");
				},
			};
		},
	};
}

export const nameOperations: readonly Operation[] = [
	meetingTheDead(
		"force-create, and all are dead",
		(stage) => stage.open({ mode: "force-create", lifetime: "last-close" }),
		"done",
	),
	meetingTheDead(
		"open read-only, and all are dead",
		(stage) => stage.open({ mode: "read-only" }),
		"DHMEM_NOT_FOUND",
	),
	{
		name: "close a reader as the last one",
		victim: (stage) => {
			const writer = stage.open({ lifetime: "last-close" });
			const reader = stage.open({ mode: "read-only" });
			writer.close();
			return () => reader.close();
		},
		survivor: (stage) => ({
			verify({ result, undisturbed }) {
				if (undisturbed) {
					assert.is(result, "done");
					assert.equal(stage.names(), []);
				}
				stage.enter({ lifetime: "last-close" }).goOn();
			},
		}),
	},
	{
		name: "unlink a region that is open",
		victim: (stage) => {
			const region = stage.open({ mode: "open" });
			return () => region.unlink();
		},
		survivor(stage) {
			const survivor = stage.enter();
			return {
				verify({ result }) {
					assert.ok(result !== "done" || !stage.exists);
					survivor.goOn();
					stage.enter().work();
				},
			};
		},
	},
	{
		name: "open where a temporary region was left",
		victim: (stage) => () => stage.open({ mode: "open" }),
		async survivor(stage) {
			await stage.run(DEAD_TEMPORARY);
			const survivor = stage.enter();
			await stage.run(DEAD_TEMPORARY);
			return {
				verify({ undisturbed }) {
					if (undisturbed) assert.equal(stage.names(), [`${NAME}.dhmem`]);
					survivor.goOn();
					stage.enter({ mode: "open" });
					assert.equal(stage.names(), [`${NAME}.dhmem`]);
				},
			};
		},
	},
];

/** Operations that prepare for these. */
export const namePreparations: readonly Operation[] = [deadTemporary];
