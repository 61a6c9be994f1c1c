/** Tasks that end and are started again: what their predecessors have left, and what the runner makes of it. */
import { join } from "node:path";
import { Region } from "dhmem";
import { Task } from "dhmem/workflow";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type LinkSnapshot, readLinks, StuckLinks } from "../../src/workflow/stuck.js";
import { type Place, placeTest, processEnd, program } from "../fixture/index.js";

const command = program("streams");

// ------------------------------------------------------------------------------- what has died does not wait

placeTest("what a task that was killed has left does not count as waiting", async (place) => {
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
});

placeTest("a task that has not yet looked at what has come does not count as waiting", async (place) => {
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

test("of tasks that wait for one that has finished all are named, as soon as one has waited for long", () => {
	const stuck = new StuckLinks();
	const link = { from: "a", capacity: 64, sent: 0, received: 0, dropped: 0, depth: 0, bytes: 0, sending: 0 };
	const b = { ...link, name: "a.x>b.x", to: "b", receiving: 1 };
	const c = { ...link, name: "a.x>c.x", to: "c" };
	const finished = new Set(["a"]);
	assert.equal(stuck.update([b, { ...c, receiving: 0 }], 0, finished), []);
	assert.is(stuck.update([b, { ...c, receiving: 1 }], 5000, finished).length, 2);
});

placeTest("a task that needs long to return, after it was killed while it waited, goes on", async (place) => {
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

for (const [FAIL, policy] of [
	["SIGKILL", "block"],
	["throw", "latest"],
	["exit", "drop-oldest"],
] as const) {
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

for (const FAIL of ["SIGKILL", "throw"]) {
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

placeTest("tasks that finish well and are always started again go from stream to stream", async (place) => {
	const always = { command, restart: "always", restarts: 2 };
	const { code, stdout, stderr } = await run(place, { source: always, again: always }, [
		{ from: "source.out", to: "again.in" },
	]);
	assert.is(code, 0, stderr);
	const stream = "again  | out 1\nagain  | out 2\nagain  | out 3\nagain  | ended\n";
	assert.is(stdout, stream.repeat(3));
});

placeTest(
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

placeTest("a task that has failed sees an end again, though the next stream has begun", async (place) => {
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

placeTest("a task that is begun again in the same process waits for the next stream", async (place) => {
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

test.run();

// ------------------------------------------------------------------------------------------------- helpers

function run(place: Place, tasks: object, links: readonly object[]) {
	return place.run(["run", place.write("x.json", { name: "x", region: { size: "16MiB" }, tasks, links })]);
}

function variables(place: Place, task: string) {
	return { DHMEM_REGION: "x", DHMEM_DIR: place.regions, DHMEM_TASK: task };
}

/** A task that nobody runs. */
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
