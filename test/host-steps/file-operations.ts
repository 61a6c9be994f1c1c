/** Creating, opening, replacing and leaving regions. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Region, type RegionOptions } from "dhmem";
import * as assert from "uvu/assert";
import { expectResult, MUTEX, QUEUE } from "./expected.js";
import { hold } from "./memory-operations.js";
import { litterAmong, type Operation } from "./operation.js";
import { NAME, SIZE, type VictimStage } from "./victim-stage.js";

/** Makes the region if there is none. */
function making(name: string, options: RegionOptions, hasTmpfile = true): Operation {
	return {
		name,
		hasTmpfile,
		victim: (stage) => () => stage.open(options),
		survivor: (stage) => ({
			verify({ result }) {
				if (result === "done") assert.ok(options.lifetime === "last-close" || stage.exists);
				if (hasTmpfile && options.mode !== "force-create")
					assert.equal(litterAmong(stage.names()), [], "litter");
				const survivor = stage.enter();
				survivor.goOn();
			},
		}),
	};
}

/** Opens a region that a survivor has open. */
function opening(name: string, options: RegionOptions): Operation {
	return {
		name,
		victim: (stage) => () => stage.open(options),
		survivor(stage) {
			const survivor = stage.enter();
			return { verify: () => survivor.goOn() };
		},
	};
}

function replacing(name: string, hasTmpfile: boolean): Operation {
	return {
		name,
		hasTmpfile,
		victim: (stage) => () => stage.open({ mode: "force-create" }),
		survivor(stage) {
			const old = stage.enter();
			return {
				verify() {
					old.goOn();
					assert.ok(stage.exists, "the name was gone for a moment");
					const other = stage.enter({ mode: "open" });
					other.work();
					other.region.close();
				},
			};
		},
	};
}

/** An operation on a `last-close` region whose last participant has died. */
function meetingTheDead(name: string, body: (stage: VictimStage) => unknown, expected: string): Operation {
	return {
		name,
		victim: (stage) => () => body(stage),
		async survivor(stage) {
			await stage.run(dead.name);
			assert.ok(stage.exists);
			return {
				verify({ result, undisturbed }) {
					if (undisturbed) expectResult(result, expected);
					assert.equal(litterAmong(stage.names()), [], "litter");
					stage.enter({ lifetime: "last-close" }).goOn();
				},
			};
		},
	};
}

export const dead: Operation = {
	name: "die as the last one",
	victim: (stage) => {
		stage.open({ lifetime: "last-close" }).allocate(100_000);
		return () => stage.die();
	},
	survivor: () => ({ verify() {} }),
};

/** Nothing may be left in the folder after others have listed it. */
function leaving(name: string, victim: Operation["victim"]): Operation {
	return {
		name,
		victim,
		survivor: (stage) => ({
			verify({ result, undisturbed }) {
				expectResult(undisturbed ? result : undefined, "done");
				if (undisturbed) assert.equal(stage.names(), []);
				assert.equal(Region.list({ directory: stage.directory }), []);
				assert.equal(stage.names(), []);
			},
		}),
	};
}

export const files: Operation[] = [
	making("create", { mode: "create" }),
	making("open or create, and there is none", {}),
	making("create a last-close region", { mode: "create", lifetime: "last-close" }),
	making("create without O_TMPFILE", { mode: "create" }, false),
	making("force-create, and there is none", { mode: "force-create" }),
	opening("open", { mode: "open" }),
	opening("open or create, and there is one", {}),
	opening("open read-only", { mode: "read-only" }),
	opening("open copy-on-write", { mode: "copy-on-write" }),
	{
		name: "open where somebody has died",
		victim: (stage) => {
			stage.perish(() => hold(stage));
			return () => stage.open({ mode: "open" });
		},
		survivor(stage) {
			const survivor = stage.enter();
			survivor.region.queue(QUEUE, { capacity: "4KiB" });
			return {
				verify() {
					survivor.region.remove(QUEUE);
					survivor.region.remove(MUTEX);
					survivor.goOn();
				},
			};
		},
	},
	replacing("force-create", true),
	replacing("force-create without O_TMPFILE", false),
	leaving("close as the last one", (stage) => {
		const region = stage.open({ lifetime: "last-close" });
		return () => region.close();
	}),
	leaving("open and close for a moment", (stage) => () => {
		const region = Region.temporary({ directory: stage.directory, size: SIZE });
		stage.keep(region);
		region.close();
	}),
	{
		name: "close, and another stays",
		victim: (stage) => {
			const region = stage.open({ mode: "open" });
			region.allocate(100_000);
			return () => region.close();
		},
		survivor(stage) {
			const survivor = stage.enter({ lifetime: "last-close" });
			return {
				verify() {
					survivor.goOn();
					assert.ok(stage.exists, "the name is gone, and somebody is there");
					survivor.region.close();
					assert.equal(stage.names(), []);
				},
			};
		},
	},
	meetingTheDead(
		"open or create, and all are dead",
		(stage) => stage.open({ lifetime: "last-close" }),
		"done",
	),
	meetingTheDead(
		"create, and all are dead",
		(stage) => stage.open({ mode: "create", lifetime: "last-close" }),
		"done",
	),
	meetingTheDead("open, and all are dead", (stage) => stage.open({ mode: "open" }), "DHMEM_NOT_FOUND"),
	meetingTheDead("list, and all are dead", ({ directory }) => Region.list({ directory }), "done"),
	{
		name: "list, and there is litter",
		victim:
			({ directory }) =>
			() =>
				Region.list({ directory }),
		survivor(stage) {
			const survivor = stage.enter();
			writeFileSync(join(stage.directory, ".dhmem-0123456789abcdef.tmp"), "x".repeat(4096));
			return {
				verify({ undisturbed }) {
					if (undisturbed) assert.equal(litterAmong(stage.names()), [], "litter");
					survivor.goOn();
				},
			};
		},
	},
	{
		name: "unlink",
		victim:
			({ directory }) =>
			() =>
				Region.unlink(NAME, { directory }),
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
];
