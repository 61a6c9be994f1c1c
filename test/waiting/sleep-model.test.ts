/** One who sleeps, and those who ring: no ring is lost, in any order of their steps. */
import { readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { directory, eachInFolder, limitedTest, some } from "../fixture/index.js";
import { explore, type Fault, type Plan, walk } from "./sleep-model.js";
import { noteSteps, participantOf } from "./sleep-steps.js";
import { open, textOf } from "./stage.js";

eachInFolder();

const plans = (ringers: number): Plan[] => [
	{ ringers },
	{ ringers, deaths: ringers },
	{ ringers, unreachable: true },
	{ ringers, unreachable: true, deaths: 1 },
	{ ringers, blocks: "alone", deaths: 1 },
	{ ringers, blockedBefore: true, deaths: 1 },
	{ ringers, blocks: "beside promises", deaths: 1 },
	{ ringers, blocks: "beside promises", unreachable: true },
];

test("a sleeper that is rung sees what was published; after a death, or where its pipe is out of reach, in a time slice", () => {
	for (const plan of [...plans(1), ...some(plans(2), 4)]) {
		const { failures, states } = explore(plan);
		assert.equal(failures, [], JSON.stringify(plan));
		assert.ok(states > 30, `${states} states`);
	}
});

/** Each fault, and a plan in which it loses a ring. */
const faults: Record<Fault, Plan> = {
	"the sleeper looks before it announces": { ringers: 1, blocks: "alone" },
	"the sleeper reads its doorbell last": { ringers: 1, blocks: "alone" },
	"the sleeper says last how it sleeps": { ringers: 1 },
	"the sleeper empties its pipe before it sleeps": { ringers: 1 },
	"a ringer rings before it publishes": { ringers: 1 },
	"a ringer that can't reach the pipe does not say so": { ringers: 2, unreachable: true },
	"a ringer that can't reach the pipe leaves the futex alone": {
		ringers: 1,
		blocks: "beside promises",
		unreachable: true,
	},
	"a sleeper never looks by itself": { ringers: 1, deaths: 1 },
};

test("in any other order, or with a step left out, a ring is lost", () => {
	for (const [fault, plan] of Object.entries(faults) as [Fault, Plan][])
		assert.is(explore({ ...plan, fault }).failures.length, 1, fault);
});

/** The model's steps, as far as they can be noted: those of the core are one call. */
function noted(steps: readonly string[]): string[] {
	const core = ["look for an announcement", "take it", "ring the doorbell"];
	return steps.filter((step) => !core.includes(step) && !step.startsWith("asleep"));
}

limitedTest("the library makes the steps of the model, in the same order", async () => {
	const queue = open().queue("steps");
	const consumer = queue.consumer();
	const producer = open().queue("steps").producer();
	const steps = noteSteps(participantOf(consumer), participantOf(producer));
	try {
		const receiving = consumer.receive();
		receiving.catch(() => {});
		// The first look is made before anything is said about sleeping, and each look at the pipe is a step too.
		const [first, ...sleeping] = steps.take();
		assert.is(first, "look 0");
		const model = walk({ ringers: 1 });
		assert.equal(
			sleeping.filter((step) => step !== "read how it sleeps"),
			noted(model.sleeping),
		);
		producer.trySend("one");
		assert.equal(steps.take(), noted(model.ringing));
		textOf(await receiving);
		// The doorbell is also read to tell a ring from the end of a time slice.
		assert.equal(steps.take(), ["read doorbell", ...noted(model.waking)]);

		steps.whenBlocked(() => producer.trySend("two"));
		textOf(consumer.receiveSync());
		const blocked = steps.take();
		const blocking = walk({ ringers: 1, blocks: "alone" });
		assert.equal(
			blocked.slice(blocked.indexOf("say how, or")),
			noted([...blocking.sleeping, ...blocking.ringing, ...blocking.waking]),
		);

		const again = consumer.receive();
		again.catch(() => {});
		assert.equal(
			steps.take().filter((step) => step !== "read how it sleeps"),
			["look 0", ...noted(walk({ ringers: 1, blockedBefore: true }).sleeping)],
		);
		producer.trySend("three");
		textOf(await again);
	} finally {
		steps.stop();
	}
});

limitedTest("a ringer that can't reach the pipe says so, and wakes the futex", async () => {
	const region = open();
	const consumer = region.queue("steps").consumer();
	const producer = open().queue("steps").producer();
	const receiving = consumer.receive();
	for (const name of readdirSync(directory)) if (name.endsWith(".bell")) unlinkSync(join(directory, name));
	const steps = noteSteps(participantOf(consumer), participantOf(producer));
	try {
		producer.trySend("one");
		// The pipe can't even be opened, and that is the step.
		const model = noted(walk({ ringers: 1, unreachable: true }).ringing);
		assert.equal(
			steps.take().map((step) => (step === "say that it is out of reach" ? "ring the pipe" : step)),
			model,
		);
	} finally {
		steps.stop();
	}
	textOf(await receiving);
});

test.run();
