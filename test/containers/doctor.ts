/** `dhmem doctor` in containers: what it says about each mistake, and two doctors that look for one another. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Finding } from "../../src/doctor/findings.js";
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

const test = suite("dhmem doctor in containers");
let folder = "";

test.before.each(() => {
	folder = makeSharedFolder();
});

test.after.each(async () => {
	await Container.removeAll();
	removeFolder(folder);
});

/** Returns the doctor's finding about something, and checks that its exit status is `code`. */
async function examine(options: Options, about: string, code: number): Promise<Finding> {
	const { output } = await Container.dhmem(["doctor", "--json"], options).finish(code);
	return findingIn(output, about);
}

function findingIn(output: string, about: string): Finding {
	const { findings } = JSON.parse(output) as { findings: Finding[] };
	const finding = findings.find((each) => each.about === about);
	assert.ok(finding, `${about} in ${output}`);
	return finding;
}

/** The flags without those that begin with `prefix`. */
function without({ environment = {}, flags = [] }: Options, prefix: string): Options {
	return { environment, flags: flags.filter((flag) => !flag.startsWith(prefix)) };
}

test("nothing is wrong in a shared folder", async () => {
	const { output } = await Container.dhmem(["doctor"], sharing(folder)).finish();
	assert.not.match(output, /^(warning|problem)/m);
	assert.match(output, new RegExp(`user: ${ALICE} in groups ${ALICE}, ${GROUP}; process 1 on`));
});

test("too small a /dev/shm", async () => {
	const room = await examine({ flags: ["--shm-size=8m"] }, "room", 0);
	assert.is(room.status, "warning");
	assert.match(`${room.text} ${room.todo}`, /of 8\.0 MiB.*--shm-size=/);
});

test("a missing mount", async () => {
	const missing = await examine(without(sharing(folder), "--volume"), "folder", 1);
	assert.is(missing.status, "problem");
	assert.match(missing.todo ?? "", /-v \/dev\/shm\/NAME:\/dev\/shm\/dhmem/);
});

test("a private IPC namespace", async () => {
	const own = await examine({}, "folder", 0);
	assert.is(own.status, "warning");
	assert.match(`${own.text} ${own.todo}`, /the container's own.*--ipc=container:.*-v \/dev\/shm\/NAME/);
});

test("a wrong user", async () => {
	await Container.run("keep", [0o600], sharing(folder)).hear();
	const { environment = {}, flags = [] } = sharing(folder);
	const region = await examine({ user: BOB, environment, flags }, "region numbers", 0);
	assert.is(region.status, "warning");
	assert.match(region.todo ?? "", new RegExp(`--user=${ALICE}`));
});

test("a wrong group", async () => {
	const trial = await examine(without(sharing(folder), "--group-add"), "trial", 1);
	assert.is(trial.status, "problem");
	assert.match(trial.todo ?? "", new RegExp(`--group-add=${GROUP}`));
});

test("two containers of different users meet in a shared folder", async () => {
	const endings = await Promise.all(
		[ALICE, BOB].map((user) =>
			Container.dhmem(["doctor", "--peer", "--json"], { ...sharing(folder), user }).finish(),
		),
	);
	for (const [i, other] of [BOB, ALICE].entries()) {
		const met = findingIn(endings[i]?.output ?? "", "peer");
		assert.is(met.status, "ok");
		assert.match(met.text, `exchanged messages with process 1 of user ${other} on`);
	}
});

test("two containers with a /dev/shm each do not meet, and learn why", async () => {
	const endings = await Promise.all(
		[ALICE, BOB].map((user) =>
			Container.dhmem(["doctor", "--peer", "--timeout=2", "--json"], { user }).finish(1),
		),
	);
	for (const { output } of endings) {
		const alone = findingIn(output, "peer");
		assert.match(
			`${alone.text} ${alone.todo}`,
			/no other doctor came.*this container's own.*--ipc=container:/,
		);
	}
});

test("a waiting task ends on SIGTERM, although it is process 1", async () => {
	const container = Container.dhmem(["doctor", "--peer", "--timeout=600"], sharing(folder));
	while (!(await container.hearLine()).includes("waiting")) {}
	process.kill(container.pid(), "SIGTERM");
	await container.finish(128 + 15);
});

test.run();
