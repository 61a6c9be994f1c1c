/** Tasks that end and are started again: what their predecessors have left, and what the runner does with it. */
import { join } from "node:path";
import { Region } from "dhmem";
import { Task } from "dhmem/workflow";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { hasReadEnd, noteReadEnd } from "../../src/workflow/completion.js";
import { linkState } from "../../src/workflow/link-state.js";
import { type Link, linkName } from "../../src/workflow/links.js";
import { type LinkSnapshot, readLinks, StuckLinks } from "../../src/workflow/stuck.js";
import { long, type Place, placeTest, processEnd, program, regionTest, some } from "../fixture/index.js";

const command = program("streams");
const outToIn: Link = {
	from: { task: "source", port: "out" },
	to: { task: "again", port: "in" },
	policy: "block",
};

// ------------------------------------------------------------------------------- what has died does not wait

placeTest("messages left by a killed task do not count as waiting", async (place) => {
	using region = Region.open("x", { directory: place.regions, size: "16MiB" });
	const { child, ended } = startTask(place, "stuck", "out=stuck.out>b.in;capacity=1024,in=a.out>stuck.in");
	await until(
		region,
		(links) => links.length === 2 && links.every((link) => link.sending + link.receiving === 1),
	);
	child.kill("SIGKILL");
	await ended;
	if (child.pid !== undefined) await processEnd(child.pid);
	// Nobody has recovered from it.
	for (const { name, sending, receiving } of readLinks(region)) assert.is(sending + receiving, 0, name);
	region.unlink();
	// Removes the pipe that the killed process has left.
	Region.list({ directory: place.regions });
});

long(placeTest)("a task does not count as waiting while it has unread messages", async (place) => {
	using region = Region.open("x", { directory: place.regions, size: "16MiB" });
	using producer = region.queue("a.out>again.in").producer();
	using task = Task.fromEnvironment({ ...variables(place, "again"), DHMEM_LINKS: "in=a.out>again.in" });
	const message = task.input("in").receive();
	await until(region, ([link]) => link?.receiving === 1);
	producer.trySend("now");
	// Its turn comes when this function waits.
	assert.is(readLinks(region)[0]?.receiving, 0);
	assert.is((await message)?.text(), "now");
	region.unlink();
});

long(test)("each task that waits for a finished task is named, once it has waited long", () => {
	const stuck = new StuckLinks();
	const counts = { sent: 0, received: 0, dropped: 0, depth: 0, bytes: 0, sending: 0, polling: 0 };
	const link = { from: "a", capacity: 64, ...counts };
	const b = { ...link, name: "a.x>b.x", to: "b", receiving: 1 };
	const c = { ...link, name: "a.x>c.x", to: "c" };
	const finished = new Set(["a"]);
	assert.equal(stuck.update([b, { ...c, receiving: 0 }], 0, finished), []);
	assert.is(stuck.update([b, { ...c, receiving: 1 }], 5000, finished).length, 1);
	assert.is(stuck.update([b, { ...c, receiving: 1 }], 10_000, finished).length, 1);
});

long(placeTest)("a task that was killed during a wait may take long to return", async (place) => {
	const tasks = {
		source: { command },
		slow: { command, restart: "on-failure", environment: { SECONDS: 8, MARK: join(place.folder, "mark") } },
	};
	const { code, stdout, stderr } = await run(place, tasks, [{ from: "source.out", to: "slow.in" }]);
	assert.is(code, 0, stderr);
	assert.match(stderr, "slow was ended by SIGKILL; restarting it (1 of 10)");
	assert.match(stdout, "slow   | out 3");
});

// ------------------------------------------------------------------------------------ ends are seen again

const failures = [
	["SIGKILL", "block"],
	["throw", "latest"],
	["exit", "drop-oldest"],
] as const;
for (const [FAIL, policy] of some(failures, 3)) {
	placeTest(
		`a task that has read an end and fails (${FAIL}) sees it again, in a link of ${policy}`,
		async (place) => {
			const tasks = {
				source: { command, environment: { OUTPUTS: "first second" } },
				sink: { command, restart: "on-failure", environment: { FAIL, MARK: join(place.folder, "mark") } },
			};
			const { code, stdout, stderr } = await run(place, tasks, [
				{ from: "source.first", to: "sink.first", policy },
				{ from: "source.second", to: "sink.second" },
			]);
			assert.is(code, 0, stderr);
			assert.match(stderr, "restarting it (1 of 10)");
			assert.is(stdout, "sink   | second 1\nsink   | second 2\nsink   | second 3\nsink   | all read\n");
		},
	);
}

for (const FAIL of some(["SIGKILL", "throw"], 2)) {
	placeTest(`a task that has ended an output and fails (${FAIL}) does not begin it again`, async (place) => {
		const environment = { OUTPUTS: "first second", COUNT: 20, FAIL, MARK: join(place.folder, "mark") };
		const tasks = {
			source: { command, restart: "on-failure", environment },
			again: { command },
			slow: { command, environment: { MARK: place.folder } },
		};
		const links = [
			{ from: "source.first", to: "again.in", capacity: 64 },
			{ from: "source.second", to: "slow.in", capacity: 64 },
		];
		const { code, stdout, stderr } = await run(place, tasks, links);
		assert.is(code, 0, stderr);
		const lines = (task: string, port: string) =>
			Array.from({ length: 20 }, (_, i) => `${task} | ${port} ${i + 1}`);
		const sorted = [...lines("again ", "first"), "again  | ended", ...lines("slow  ", "second")].sort();
		assert.equal(stdout.trimEnd().split("\n").sort(), sorted);
		assert.match(stderr, "source.first>again.in had already ended before this task was restarted");
	});
}

long(placeTest)(
	"tasks that finish well and are always started again go from stream to stream",
	async (place) => {
		const always = { command, restart: "always", restarts: 2 };
		const { code, stdout, stderr } = await run(place, { source: always, again: always }, [
			{ from: "source.out", to: "again.in" },
		]);
		assert.is(code, 0, stderr);
		const stream = "again  | out 1\nagain  | out 2\nagain  | out 3\nagain  | ended\n";
		assert.is(stdout, stream.repeat(3));
	},
);

long(placeTest)(
	"without a runner, a task that has failed sees an end again, and one that finished well does not",
	async (place) => {
		const links = "in=source.out>again.in";
		const source = () => startTask(place, "source", "out=source.out>again.in").ended;
		await source();
		const failed = await startTask(place, "again", links, { STATUS: "1" }).ended;
		assert.is(failed.stdout, "out 1\nout 2\nout 3\nended\n");
		assert.is((await startTask(place, "again", links).ended).stdout, "ended\n");
		const next = startTask(place, "again", links);
		{
			using region = Region.open("x", { directory: place.regions });
			await until(region, ([link]) => link?.receiving === 1);
		}
		await source();
		assert.is((await next.ended).stdout, "out 1\nout 2\nout 3\nended\n");
		Region.unlink("x", { directory: place.regions });
	},
);

placeTest("a failed task sees an end again, although the next stream has begun", async (place) => {
	const links = "in=source.out>again.in";
	const source = () => startTask(place, "source", "out=source.out>again.in").ended;
	await source();
	const failed = await startTask(place, "again", links, { STATUS: "1" }).ended;
	const stream = "out 1\nout 2\nout 3\nended\n";
	assert.is(failed.stdout, stream);
	await source();
	assert.is((await startTask(place, "again", links).ended).stdout, "ended\n");
	assert.is((await startTask(place, "again", links).ended).stdout, stream);
	Region.unlink("x", { directory: place.regions });
});

const forgotten = [
	["before it noted it", { again: 0, ends: 0 }],
	["while it noted it", { ends: 0 }],
] as const;
for (const [when, forget] of some(forgotten, 2)) {
	placeTest(
		`an end is seen again by the task that was killed ${when}, although a stream follows`,
		async (place) => {
			using region = Region.open("x", { directory: place.regions, size: "16MiB" });
			const links = "in=source.out>again.in";
			const source = () => startTask(place, "source", "out=source.out>again.in").ended;
			const again = async (environment: NodeJS.ProcessEnv = {}) =>
				(await startTask(place, "again", links, environment).ended).stdout;
			const kill = () => Object.assign(linkState(region, outToIn), forget);
			const messages = "out 1\nout 2\nout 3\n";
			await source();
			// It has read the end ahead of its last messages, which it did not release.
			assert.is(await again({ BATCH: "4", STATUS: "1" }), messages);
			kill();
			await source();
			assert.is(await again({ STATUS: "1" }), `${messages}ended\n`);
			kill();
			assert.is(await again({ STATUS: "1" }), "ended\n");
			assert.is(await again(), "ended\n");
			assert.is(await again({ STATUS: "1" }), `${messages}ended\n`);
			kill();
			assert.is(await again(), "ended\n");
			region.unlink();
		},
	);
}

placeTest("an end that another program has read is no end that a task has read", async (place) => {
	using region = Region.open("x", { directory: place.regions, size: "16MiB" });
	const links = "in=source.out>again.in";
	const source = () => startTask(place, "source", "out=source.out>again.in").ended;
	const stream = "out 1\nout 2\nout 3\nended\n";
	await source();
	assert.is((await startTask(place, "again", links).ended).stdout, stream);
	await source();
	using other = region.queue("source.out>again.in").consumer();
	for await (const _ of other);
	other.close();
	await source();
	assert.is((await startTask(place, "again", links).ended).stdout, stream);
	region.unlink();
});

long(placeTest)(
	"a task that fails over the last messages gets them again, though it has read the end",
	async (place) => {
		const links = "in=source.out>again.in";
		const source = () => startTask(place, "source", "out=source.out>again.in").ended;
		const again = async (environment: NodeJS.ProcessEnv = {}) =>
			(await startTask(place, "again", links, environment).ended).stdout;
		await source();
		const messages = "out 1\nout 2\nout 3\n";
		// Looking for a fourth message of the batch, it finds the end.
		assert.is(await again({ BATCH: "4", STATUS: "1" }), messages);
		assert.is(await again({ BATCH: "4", STATUS: "1" }), messages);
		await source();
		assert.is(await again({ STATUS: "1" }), `${messages}ended\n`);
		assert.is(await again(), "ended\n");
		assert.is(await again(), `${messages}ended\n`);
		Region.unlink("x", { directory: place.regions });
	},
);

long(regionTest)("the queue alone shows whether an ended stream was read to its last message", (region) => {
	const link = outToIn;
	const queue = region.queue(linkName(link), { capacity: 1024 });
	const consumer = queue.consumer();
	const source = queue.producer();
	for (const _ of [1, 2]) source.trySend(new Uint8Array(400));
	source.end();
	source.close();
	consumer.tryReceive()?.release();
	const last = consumer.tryReceive();
	assert.is(consumer.tryReceive(), undefined);
	noteReadEnd(region, link);
	assert.not(hasReadEnd(region, link));
	// The next stream begins with padding, which is passed over together with the end.
	queue.producer().trySend(new Uint8Array(296));
	last?.release();
	assert.ok(hasReadEnd(region, link));
});

long(placeTest)("a task that is begun again in the same process waits for the next stream", async (place) => {
	using region = Region.open("x", { directory: place.regions, size: "16MiB" });
	const environment = { ...variables(place, "again"), DHMEM_LINKS: "in=source.out>again.in" };
	for (const text of ["one", "two"]) {
		using task = Task.fromEnvironment(environment);
		const input = task.input("in");
		assert.not(input.ended);
		using producer = region.queue("source.out>again.in").producer();
		producer.sendSync(text);
		producer.end();
		using message = await input.receive();
		assert.is(message?.text(), text);
		input.tryReceive();
		assert.ok(input.ended);
	}
	region.unlink();
});

long(placeTest)(
	"a task that finished well goes on to the next stream, also if that has begun meanwhile",
	async (place) => {
		using region = Region.open("x", { directory: place.regions, size: "16MiB" });
		const environment = { ...variables(place, "again"), DHMEM_LINKS: "in=source.out>again.in" };
		const source = region.queue("source.out>again.in");
		let producer = source.producer();
		producer.sendSync("first");
		for (const text of ["first", "second", "third"]) {
			using task = Task.fromEnvironment(environment);
			const input = task.input("in");
			assert.not(input.ended, text);
			const message = input.tryReceive();
			assert.is(message?.text(), text);
			message?.release();
			producer.end();
			producer.close();
			producer = source.producer();
			producer.sendSync(text === "first" ? "second" : "third");
			for await (const _ of input) assert.unreachable();
		}
		region.unlink();
	},
);

test.run();

// ------------------------------------------------------------------------------------------------- helpers

function run(place: Place, tasks: object, links: readonly object[]) {
	return place.run(["run", place.write("x.json", { name: "x", region: { size: "16MiB" }, tasks, links })]);
}

function variables(place: Place, task: string) {
	return { DHMEM_REGION: "x", DHMEM_DIR: place.regions, DHMEM_TASK: task };
}

/** A task that no process runs. */
function startTask(place: Place, task: string, links: string, environment: NodeJS.ProcessEnv = {}) {
	const [, file = ""] = command.split(" ");
	return place.program([file], { ...variables(place, task), DHMEM_LINKS: links, ...environment });
}

/** The links, once they are as they should be. */
async function until(region: Region, isSo: (links: LinkSnapshot[]) => boolean): Promise<LinkSnapshot[]> {
	for (;;) {
		const links = readLinks(region);
		if (links.length > 0 && isSo(links)) return links;
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
}
