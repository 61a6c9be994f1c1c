/** Every contender of the benchmarks checks what arrives. */
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { tasksOf } from "../../bench/costs.js";
import { LargeMessages } from "../../bench/data.js";
import { curves } from "../../bench/growth/index.js";
import { type Contender, inTurn, Missing } from "../../bench/measure.js";
import { measures } from "../../bench/measures/index.js";
import { pair, peer } from "../../bench/pair.js";
import { Scratch } from "../../bench/scratch.js";
import { some } from "../fixture/index.js";
import { ALL } from "./stage.js";

const COUNT = 16;

const BYTES = 2 ** 16;

const scratch = new Scratch();
test.after(() => scratch[Symbol.dispose]());

/** Runs a short round, which must give a figure, and one whose last item is corrupted, which must throw. */
async function checks({ count, size = 0, start }: Contender): Promise<void> {
	const job = { count: Math.min(count, COUNT), size: Math.min(size, BYTES) };
	const running = await start(scratch);
	try {
		assert.type(await running.round({ ...job, spoilt: -1 }), "number");
		const error = await running.round({ ...job, spoilt: job.count - 1 }).then(
			() => new Error("it was not noticed"),
			(reason: Error) => reason,
		);
		assert.match(error.message, /is wrong/);
	} finally {
		await running.stop();
	}
}

function testContender(what: string, contender: Contender): void {
	test(`${what}: ${contender.name} notices what is spoilt`, async () => {
		try {
			await checks(contender);
		} catch (error) {
			const required = (ALL && !contender.apart) || contender.role === "dhmem";
			if (required || !(error instanceof Missing)) throw error;
			// Then the report has to say what to do about it.
			assert.match(error.message, /npm ci --prefix bench\/peers|bench\/native\/(iceoryx2\/)?build\.sh/);
		}
	});
}

/** Each once, with what it measures. */
const contenders = new Map<Contender, string>();
for (const { name, contenders: all } of measures) {
	for (const contender of all) if (!contenders.has(contender)) contenders.set(contender, name);
}
for (const { name, x, lines } of curves) {
	const [least = 0] = x.values;
	for (const line of lines) contenders.set(line.at(least), `growth of ${name}`);
}
for (const [contender, what] of some([...contenders], 16)) testContender(what, contender);

test("a stale, lost, swapped or repeated large message is noticed", () => {
	const job = { count: 64, spoilt: -1 };
	for (const size of [8, 64, 4096]) {
		const sent = new LargeMessages(size);
		const checks = new LargeMessages(size);
		const copies = Array.from({ length: 64 }, (_, sequence) => sent.next(sequence, { ...job, size }).slice());
		for (const [sequence, message] of copies.entries()) {
			checks.check(message, sequence);
			for (const other of copies.keys()) {
				if (other !== sequence) assert.throws(() => checks.check(message, other), /is wrong/);
			}
		}
	}
});

const tasks = (wrong: number) => {
	const region = Region.temporary({ size: "64MiB" });
	return { region, tasks: tasksOf(region, wrong) };
};

for (const [index, { what }] of (() => {
	const { region, tasks: all } = tasks(0);
	region.close();
	return [...all.entries()];
})()) {
	test(`the cost of "${what}" is not measured where the result is wrong`, () => {
		const right = tasks(0);
		right.tasks[index]?.run();
		right.region.close();
		const wrong = tasks(1);
		assert.throws(() => wrong.tasks[index]?.run(), /wrong result/);
		wrong.region.close();
	});
}

test("all costs are measured in one region, one after another", () => {
	const { region, tasks: all } = tasks(0);
	for (const { run } of [...all, ...all]) run();
	region.close();
});

test("the cost of finding an object is not measured if another one is found", () => {
	const { region, tasks: all } = tasks(0);
	const block = region.allocate(64);
	block.bytes.fill(9);
	const queue = region.queue("messages");
	Object.assign(region, { load: () => block, queue: () => queue });
	for (const what of [
		"find a named queue",
		"load a handle, read",
		"allocate, write, save, load, read, free",
	]) {
		const task = all.find((each) => each.what === what);
		assert.throws(() => task?.run(), /wrong result/);
	}
	region.close();
});

test("values from ems are read before their place is written again", async () => {
	const from = peer("ems");
	const ems = pair({ name: "ems", role: "peer", from, work: "messages", count: 2 ** 16 });
	const { figures, missing } = await inTurn([ems], scratch, 7, 1);
	if (ALL || figures.length > 0) assert.equal(missing, []);
	for (const { reason } of missing) assert.not.match(reason, "is wrong");
});

test.run();
