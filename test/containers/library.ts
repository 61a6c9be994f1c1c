/** The library between containers: of different users, each with a root file system and process ids of its own. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { clock } from "../fixture/index.js";
import { ALICE, BOB, Container, makeSharedFolder, removeFolder, sharing } from "./podman.js";

const test = suite("Between containers");
let folder = "";

test.before.each(() => {
	folder = makeSharedFolder();
});

test.after.each(async () => {
	await Container.removeAll();
	removeFolder(folder);
});

/** Both are process 1, and neither sees the other's. */
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

test("a mutex whose holder's container is killed goes to the next, who is told", async () => {
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

test("a killed container is noticed by who waits for it within a second", async () => {
	const sender = run("sendOne", ALICE);
	const receiver = run("receiveTwo", BOB);
	await receiver.hear();
	const killed = kill(sender);
	const { at, code } = await receiver.hear<{ at: number; code: string }>();
	assert.is(code, "DHMEM_PEER_GONE");
	assert.ok(at > killed && at < killed + 1000, `noticed after ${at - killed} ms`);
	await receiver.finish();
});

test("who comes in a killed container's place goes on where that one was", async () => {
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

/** Kills its process 1; when. */
function kill(container: Container): number {
	const pid = container.pid();
	const at = clock();
	process.kill(pid, "SIGKILL");
	return at;
}

test.run();
