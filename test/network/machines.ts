/** Runs on several machines: here, several runners on this one. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { connect } from "@nats-io/transport-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Machines as Runners } from "../../src/runner/machines.js";
import { readServer } from "../../src/workflow/nats/settings.js";
import { PATIENCE, Place, program, type Started, within } from "../fixture/index.js";
import { examples, NEWTON } from "./examples.js";
import { Server } from "./server.js";

const test = suite("several machines");
const server = await Server.start();
test.after(() => server[Symbol.asyncDispose]());

/** A runner, and what it says as it says it. */
interface Runner extends Started {
	said(text: string): Promise<void>;
}

/** The runners of a test. Nothing of them may be left: neither here nor on the server. */
class Machines {
	readonly place = new Place();

	start(run: string, only: string, file: string, environment: NodeJS.ProcessEnv = {}): Runner {
		const words = ["run", "--server", server.address, "--run", run, "--only", only, file];
		const { child, ended } = this.place.start(words, environment);
		let output = "";
		let check = () => {};
		child.stderr?.on("data", (text) => {
			output += text;
			check();
		});
		const said = async (text: string) => {
			const heard = new Promise<void>((resolve) => {
				check = () => {
					if (output.includes(text)) resolve();
				};
			});
			check();
			await within(PATIENCE, `to say "${text}"`, Promise.race([heard, ended]));
			assert.match(output, text);
		};
		return { child, ended, said };
	}
}

function machinesTest(title: string, body: (machines: Machines) => Promise<void>): void {
	test(title, async () => {
		const machines = new Machines();
		try {
			await body(machines);
			await machines.place.emptied();
			assert.equal(await server.streams(), []);
		} finally {
			machines.place.remove();
		}
	});
}

const endless = { command: ["tail", "-f", "/dev/null"] };
const stream = { command: program("streams") };
const link = { from: "source.out", to: "again.in" };

for (const { name, parts, prepare } of examples) {
	machinesTest(`${name} on two machines gives the results of one, bit for bit`, async (machines) => {
		const alone = prepare(machines.place, "alone");
		const { code, stderr } = await machines.place.run(["run", alone.file], alone.environment);
		assert.is(code, 0, stderr);
		const apart = prepare(machines.place, "apart");
		for (const { ended } of parts.map((only) => machines.start("x", only, apart.file, apart.environment)))
			assert.is((await ended).code, 0, (await ended).stderr);
		assert.ok(alone.results().length > 0);
		assert.equal(apart.results(), alone.results());
	});
}

test("--explain says which links cross machines, and needs no server", async () => {
	const place = new Place();
	try {
		const words = ["--server", "nats://127.0.0.1:1", "--run", "newton", "--only", "steer,visualize"];
		const { code, stdout } = await place.run(["run", "--explain", ...words, NEWTON]);
		assert.is(code, 0);
		assert.match(stdout, "Other machines run evaluate.");
		const over = "over NATS at nats://127.0.0.1:1, because evaluate runs on another machine";
		assert.match(stdout, `steer.guesses>evaluate.guesses: ${over}`);
		assert.match(stdout, `evaluate.values>steer.values: ${over}`);
		assert.match(stdout, "steer.progress>visualize.progress: through shared memory, because both tasks see");
	} finally {
		place.remove();
	}
});

const file = { name: "x", region: { size: "16MiB" } };

machinesTest("a task that fails ends the run on all machines, with its status", async (machines) => {
	const tasks = { fails: { command: "exit 3" }, endless, other: endless };
	const path = machines.place.write("x.json", { ...file, tasks });
	const [first, second, third] = ["fails", "endless", "other"].map((only) => machines.start("x", only, path));
	for (const { ended } of [second, third] as Runner[]) {
		const { code, stderr } = await ended;
		assert.is(code, 3, stderr);
		assert.match(stderr, /at .*, fails ended with exit status 3; stopping the others/);
		assert.match(stderr, "was ended by SIGTERM");
	}
	assert.is((await first?.ended)?.code, 3);
});

machinesTest("a signal to one runner ends the run on all machines", async (machines) => {
	const path = machines.place.write("x.json", { ...file, tasks: { a: endless, b: endless } });
	const [a, b] = ["a", "b"].map((only) => machines.start("x", only, path)) as [Runner, Runner];
	await Promise.all([a.said("all tasks have a machine"), b.said("all tasks have a machine")]);
	a.child.kill("SIGINT");
	for (const { ended } of [a, b]) {
		const { code, stderr } = await ended;
		assert.is(code, 130, stderr);
	}
	assert.match((await b.ended).stderr, /at .*, SIGINT has ended the run/);
});

machinesTest("a run that waits for a machine says so, and can be ended", async (machines) => {
	const path = machines.place.write("x.json", { ...file, tasks: { a: endless, b: endless, c: endless } });
	const a = machines.start("waits", "a", path);
	await a.said("waiting for a machine with b, c; start it there");
	const b = machines.start("waits", "b", path);
	await a.said("waiting for a machine with c; start it there");
	b.child.kill("SIGTERM");
	for (const { ended } of [a, b]) {
		const { code, stderr } = await ended;
		assert.is(code, 143, stderr);
		assert.not.match(stderr, "was ended by");
	}
});

machinesTest("what does not fit into a run is refused, and the run goes on", async (machines) => {
	const workflow = { ...file, tasks: { source: stream, again: stream }, links: [link] };
	const path = machines.place.write("x.json", workflow);
	const source = machines.start("x", "source", path);
	await source.said("waiting for a machine with again");
	const twice = await machines.start("x", "source,again", path).ended;
	assert.is(twice.code, 1, twice.stderr);
	assert.match(twice.stderr, /Task source of run x has a place already, at .* \(source\)/);
	const other = machines.place.write("other.json", { ...workflow, name: "y" });
	const differs = await machines.start("x", "again", other).ended;
	assert.is(differs.code, 1, differs.stderr);
	assert.match(differs.stderr, /The workflow file differs from that of .* \(source\)/);
	// The same contents, elsewhere.
	const again = await machines.start("x", "again", machines.place.write("copy.json", workflow)).ended;
	assert.is(again.stdout, "again | out 1\nagain | out 2\nagain | out 3\nagain | ended\n");
	assert.is(again.code, 0, again.stderr);
	assert.match(again.stderr, /source.out>again.in: 3 messages received\n/);
	assert.match(again.stderr, /source has finished, at /);
	const { code, stderr } = await source.ended;
	assert.is(code, 0, stderr);
	assert.match(stderr, /source.out>again.in: 3 messages sent \([^)]*\)\n/);
});

machinesTest(
	"a name that is in use is refused, and so is one of a killed run until it is removed",
	async (machines) => {
		const path = machines.place.write("x.json", { ...file, tasks: { a: endless, b: endless } });
		const runners = ["a", "b"].map((only) => machines.start("x", only, path));
		for (const runner of runners) await runner.said("all tasks have a machine");
		const third = await machines.start("x", "a", path).ended;
		assert.is(third.code, 1, third.stderr);
		assert.match(third.stderr, "All tasks of run x have their machines already");
		for (const { child } of runners) child.kill("SIGSTOP");
		const tasks = runners.map(({ child }) => taskOf(child.pid));
		for (const { child } of runners) child.kill("SIGKILL");
		for (const { child } of runners) if (child.signalCode === null) await once(child, "exit");
		const fourth = await machines.start("x", "a", path).ended;
		assert.is(fourth.code, 1, fourth.stderr);
		assert.match(fourth.stderr, /its runner at .* \([ab]\) is gone.*dhmem clean --server nats/);
		for (const task of tasks) process.kill(task, "SIGKILL");
		await Promise.all(runners.map(({ ended }) => ended));
		const { stdout } = await machines.place.run(["clean", "--server", server.address]);
		assert.match(stdout, /^x: removed \(1 streams/);
		// Their regions too: no participant is left in them.
		await machines.place.run(["ls"]);
	},
);

/** The only child of a process. */
function taskOf(runner: number | undefined): number {
	return Number(readFileSync(`/proc/${runner}/task/${runner}/children`, "utf8"));
}

machinesTest("a runner that is killed ends the run on the other machine", async (machines) => {
	const workflow = {
		...file,
		tasks: { stuck: stream, again: stream },
		links: [
			{ from: "stuck.out", to: "again.in" },
			{ from: "again.out", to: "stuck.in" },
		],
	};
	const path = machines.place.write("x.json", workflow);
	const killed = machines.start("x", "stuck", path);
	const other = machines.start("x", "again", path);
	await Promise.all([killed, other].map((runner) => runner.said("all tasks have a machine")));
	killed.child.kill("SIGKILL");
	const { code, stderr } = await other.ended;
	assert.is(code, 1, stderr);
	assert.match(stderr, /the runner at .* \(stuck\) does not answer any more: was it killed/);
	await killed.ended;
	await machines.place.run(["ls"]);
});

machinesTest("tasks of several machines that wait for each other are named on each", async (machines) => {
	const command = `${process.execPath} ${fileURLToPath(new URL("only-sends.js", import.meta.url))}`;
	const tasks = { a: { command }, b: { command } };
	const links = [
		{ from: "a.out", to: "b.in" },
		{ from: "b.out", to: "a.in" },
	];
	const path = machines.place.write("x.json", { ...file, tasks, links });
	const runners = ["a", "b"].map((only) => machines.start("x", only, path));
	await Promise.all(runners.map((runner) => runner.said("deadlock: ")));
	runners[0]?.child.kill("SIGTERM");
	for (const { ended } of runners) {
		const { code, stderr } = await ended;
		assert.is(code, 143, stderr);
		assert.match(stderr, /deadlock: (a → b → a|b → a → b)\. /);
		assert.match(stderr, "a waits for room in a.out>b.in");
		assert.match(stderr, "b waits for room in b.out>a.in");
		assert.not.match(stderr, "--stop-when-stuck");
	}
});

machinesTest("a server that is killed and comes back does not end a run", async (machines) => {
	const path = machines.place.write("x.json", { ...file, tasks: { a: endless, b: endless } });
	const [a, b] = ["a", "b"].map((only) => machines.start("x", only, path)) as [Runner, Runner];
	await Promise.all([a.said("all tasks have a machine"), b.said("all tasks have a machine")]);
	await server.kill();
	await Promise.all([a, b].map((runner) => runner.said("no connection to the NATS server")));
	await server.start();
	await Promise.all([a, b].map((runner) => runner.said(`the NATS server at ${server.address} is back`)));
	b.child.kill("SIGTERM");
	for (const { ended } of [a, b]) assert.is((await ended).code, 143, (await ended).stderr);
	assert.match((await a.ended).stderr, /at .*, SIGTERM has ended the run/);
});

const machine = ["--server", "nats://127.0.0.1:1", "--run", "x", "--only", "a"];
for (const [what, words, message, transport] of [
	["without a server", ["--run", "x", "--only", "a"], "needs a NATS server that all of them reach"],
	["without a name", ["--server", "nats://127.0.0.1:1", "--only", "a"], "--only needs the run's name"],
	[
		"without tasks",
		["--server", "nats://127.0.0.1:1", "--run", "x"],
		"--run needs the tasks of this machine",
	],
	[
		"with a task that is not there",
		[...machine, "--only", "a,z"],
		"--only names z, but there is no such task",
	],
	["with no name of a task", [...machine, "--only", ","], "--only names no task"],
	["with a name that is none", [...machine, "--run", "a b"], '--run is "a b"'],
	[
		"that is to stop when stuck",
		[...machine, "--stop-when-stuck"],
		"--stop-when-stuck is for runs on one machine",
	],
	[
		"with a link through memory",
		machine,
		"a.out>b.in is to use shared memory, because the link says so",
		"shm",
	],
] as const) {
	test(`a run on several machines ${what} is a wrong call`, async () => {
		const place = new Place();
		try {
			const links = [{ from: "a.out", to: "b.in", ...(transport === undefined ? {} : { transport }) }];
			const path = place.write("x.json", { ...file, tasks: { a: endless, b: endless }, links });
			const { code, stderr } = await place.run(["run", ...words, path]);
			assert.is(code, 2, stderr);
			assert.match(stderr, message);
		} finally {
			place.remove();
		}
	});
}

test("of two runners that come at once, one creates the streams of the links between them", async () => {
	const connection = await connect({ servers: server.address });
	const links = Array.from({ length: 30 }, (_, i) => ({
		from: { task: "a", port: `out${i}` },
		to: { task: "b", port: `in${i}` },
		policy: "block" as const,
		transport: "nats" as const,
	}));
	const created: string[] = [];
	const allSeen = new Promise<void>((resolve) => {
		connection.subscribe("$JS.API.STREAM.CREATE.*", {
			callback: (_, { subject }) => {
				const name = subject.slice(subject.lastIndexOf(".") + 1);
				if (name.startsWith("KV_")) return;
				created.push(name);
				// The answer to whoever has asked may be faster than this.
				if (new Set(created).size === links.length) resolve();
			},
		});
	});
	await connection.flush();
	const settings = readServer({ DHMEM_NATS: server.address });
	const runners = ["a", "b"].map(
		(task) =>
			new Runners({
				run: "at-once",
				server: settings,
				digest: "the same",
				tasks: ["a", "b"],
				links,
				ownTasks: [task],
				ownLinks: links,
			}),
	);
	try {
		await server.prepare("at-once");
		await Promise.all(runners.map((runner) => runner.prepare(() => {})));
		await within(PATIENCE, "all streams to be created", allSeen);
		assert.is(created.length, links.length);
	} finally {
		for (const runner of runners) await runner.clear(() => {});
		await connection.close();
	}
	assert.equal(await server.streams(), []);
});

test.run();
