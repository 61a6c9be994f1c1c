/** The library between containers of different users, each with its own root file system and process ids. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Region } from "dhmem";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SLEEP_FUTEX, SLEEP_PIPE, SLEEP_UNREACHABLE } from "../../assembly/layout.js";
import { INSIDE } from "../../src/runner/runtime.js";
import { clock } from "../fixture/index.js";
import {
	ALICE,
	BOB,
	Container,
	GROUP,
	makeSharedFolder,
	type Options,
	removeFolder,
	sharing,
} from "./podman.js";

const test = suite("Between containers");
let folder = "";

test.before.each(() => {
	folder = makeSharedFolder();
});

test.after.each(async () => {
	await Container.removeAll();
	removeFolder(folder);
});

/** Both are process 1, and neither sees the other. */
function run(scenario: string, user: number, ...parameters: number[]): Container {
	return Container.run(scenario, parameters, { ...sharing(folder), user });
}

for (const order of [
	["send", "receive"],
	["receive", "send"],
] as const) {
	test(`every message arrives, whole and in order, if they start in the order ${order.join(", ")}`, async () => {
		const started = new Map<string, Container>();
		for (const scenario of order) {
			const container = run(scenario, scenario === "send" ? ALICE : BOB, 1000);
			const who = await container.hear();
			assert.equal(who, { pid: 1, user: scenario === "send" ? ALICE : BOB });
			started.set(scenario, container);
		}
		assert.is(await started.get("receive")?.hear(), 1000);
		for (const container of started.values()) await container.finish();
	});
}

test("the mutex of a killed container goes to the next locker, with `abandoned` set", async () => {
	const holder = run("hold", ALICE);
	await holder.hear();
	const next = run("lock", BOB);
	await next.hear();
	const killed = kill(holder);
	const { at, abandoned } = await next.hear<{ at: number; abandoned: boolean }>();
	assert.ok(abandoned);
	assert.ok(at > killed && at < killed + 1000, `noticed after ${at - killed} ms`);
	await next.finish();
});

test("a participant that waits for a killed container notices within a second", async () => {
	const sender = run("sendOne", ALICE);
	const receiver = run("receiveTwo", BOB);
	await receiver.hear();
	const killed = kill(sender);
	const { at, code } = await receiver.hear<{ at: number; code: string }>();
	assert.is(code, "DHMEM_PEER_GONE");
	assert.ok(at > killed && at < killed + 1000, `noticed after ${at - killed} ms`);
	await receiver.finish();
});

/** With a label, by which its way of sleeping is found. */
const labelled = (options: Options, name: string): Options => ({
	...options,
	environment: { ...options.environment, DHMEM_TASK: name },
});

test("event loops of different users wake each other by pipes, which others can't read", async () => {
	const answering = Container.run("answer", [], { ...labelled(sharing(folder), "answerer"), user: BOB });
	await answering.hear();
	const asking = Container.run("ask", [10], { ...labelled(sharing(folder), "asker"), user: ALICE });
	assert.equal(await asking.hear(), { answerer: SLEEP_PIPE, asker: SLEEP_PIPE });
	const pipes = () => readdirSync(folder).filter((name) => name.endsWith(".bell"));
	const owners = pipes().map((name) => {
		const { uid, gid, mode } = statSync(join(folder, name));
		return [uid, gid, mode & 0o777];
	});
	assert.equal(owners.sort(), [
		[ALICE, GROUP, 0o620],
		[BOB, GROUP, 0o620],
	]);
	// In this order, because the other ends by itself without the one that asks.
	for (const container of [answering, asking]) {
		kill(container);
		await container.ended;
	}
	Region.list({ directory: folder });
	assert.equal(pipes(), []);
});

test("a container that has the region's file but not its folder wakes and is woken all the same", async () => {
	using _made = Region.open("numbers", { directory: folder, size: "64MiB", permissions: 0o660 });
	const options = sharing(folder);
	const alone: Options = {
		...options,
		flags: [`--volume=${folder}/numbers.dhmem:${INSIDE}/numbers.dhmem`, `--group-add=${GROUP}`],
	};
	const answering = Container.run("answer", [], { ...labelled(alone, "answerer"), user: BOB });
	await answering.hear();
	const asking = Container.run("ask", [10], { ...labelled(options, "asker"), user: ALICE });
	const ways = await asking.hear<Record<string, number>>();
	assert.is(ways.asker, SLEEP_FUTEX | SLEEP_UNREACHABLE);
	assert.ok(((ways.answerer ?? 0) & SLEEP_PIPE) === 0, `the answerer sleeps on ${ways.answerer}`);
});

test("the successor of a killed container continues where it stopped", async () => {
	const sender = run("send", ALICE, 1000);
	const first = run("follow", BOB, 400);
	for (let number = 0; number <= 400; number++) assert.is(await first.hear(), number);
	kill(first);
	await first.ended;
	// The last one was not released, so it comes again.
	const second = run("follow", BOB, -1);
	for (let number = 400; number < 1000; number++) assert.is(await second.hear(), number);
	await second.finish();
	await sender.finish();
});

/** Kills its process 1, and returns when. */
function kill(container: Container): number {
	const pid = container.pid();
	const at = clock();
	process.kill(pid, "SIGKILL");
	return at;
}

test.run();
