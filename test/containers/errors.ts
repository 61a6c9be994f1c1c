/** Mistakes in how a container was started: the error names the flag, and with that flag it works. */
import { basename } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { INSIDE } from "../../src/runner/runtime.js";
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

const MIB = 2 ** 20;
const test = suite("Errors in containers");
let folder = "";

test.before.each(() => {
	folder = makeSharedFolder();
});

test.after.each(async () => {
	await Container.removeAll();
	removeFolder(folder);
});

interface Outcome {
	code: string;
	message: string;
}

interface Attempt {
	mode?: "open" | "create";
	bytes?: number;
}

/** Opens a region in a container. */
async function open({ mode = "create", bytes = MIB }: Attempt, options: Options): Promise<Outcome> {
	const container = Container.run("open", [mode, bytes, 0o660], options);
	const outcome = await container.hear<Outcome>();
	await container.finish();
	return outcome;
}

/** The flag in the message that begins with `name`. */
function flagIn({ message }: Outcome, name: string): string {
	const flag = new RegExp(`${name}[^\\s,;)]+`).exec(message)?.[0];
	assert.ok(flag, `${name} in: ${message}`);
	return flag;
}

function works(outcome: Outcome): void {
	assert.is(outcome.code, "nothing", outcome.message);
}

test("too small a /dev/shm", async () => {
	const attempt = { bytes: 32 * MIB };
	const refused = await open(attempt, { flags: ["--shm-size=8m"] });
	assert.is(refused.code, "DHMEM_NO_SPACE");
	assert.match(refused.message, /free of 8\.0 MiB/);
	works(await open(attempt, { flags: [flagIn(refused, "--shm-size=")] }));
});

test("a missing mount", async () => {
	const { environment = {}, flags = [] } = sharing(folder);
	const groups = flags.filter((flag) => flag.startsWith("--group-add"));
	const refused = await open({}, { environment, flags: groups });
	assert.is(refused.code, "DHMEM_NOT_FOUND");
	const volume = flagIn(refused, "-v /dev/shm/NAME:").replace("NAME", basename(folder));
	works(await open({}, { environment, flags: [...groups, ...volume.split(" ")] }));
});

test("a missing mount, where the image has such a folder", async () => {
	const refused = await open({}, { environment: { DHMEM_DIR: "/app" } });
	assert.is(refused.code, "DHMEM_PERMISSION");
	assert.match(
		refused.message,
		/read-only file system \(overlay\), not on shared memory.*-v \/dev\/shm\/NAME:\/app/,
	);
});

test("a mount that can't be written", async () => {
	const { environment = {} } = sharing(folder);
	const flags = [`--volume=${folder}:${INSIDE}:ro`, `--group-add=${GROUP}`];
	const refused = await open({}, { environment, flags });
	assert.is(refused.code, "DHMEM_PERMISSION");
	assert.match(refused.message, /remove :ro/);
});

test("a private IPC namespace", async () => {
	const other = Container.run("keep", [0o660], { group: GROUP, flags: ["--ipc=shareable"] });
	await other.hear();
	const options = { user: BOB, group: GROUP };
	const refused = await open({ mode: "open" }, options);
	assert.is(refused.code, "DHMEM_NOT_FOUND");
	const flag = flagIn(refused, "--ipc=container:").replace("THAT", other.name);
	// Everyone can create names there, and this one belongs to another user.
	const stranger = await open({ mode: "open" }, { ...options, flags: [flag] });
	assert.is(stranger.code, "DHMEM_PERMISSION");
	const [, trust = ""] = flagIn(stranger, "DHMEM_TRUST=").split("=");
	works(await open({ mode: "open" }, { ...options, flags: [flag], environment: { DHMEM_TRUST: trust } }));
});

test("a wrong user", async () => {
	await Container.run("keep", [0o600], sharing(folder)).hear();
	const refused = await open({ mode: "open" }, { ...sharing(folder), user: BOB });
	assert.is(refused.code, "DHMEM_PERMISSION");
	assert.match(refused.message, /permissions: 0o660/);
	const user = flagIn(refused, "--user=").slice("--user=".length);
	assert.is(Number(user), ALICE);
	works(await open({ mode: "open" }, { ...sharing(folder), user: Number(user) }));
});

test("a wrong group", async () => {
	await Container.run("keep", [0o660], sharing(folder)).hear();
	const { environment = {}, flags = [] } = sharing(folder);
	const volume = flags.filter((flag) => flag.startsWith("--volume"));
	const refused = await open({ mode: "open" }, { user: BOB, environment, flags: volume });
	assert.is(refused.code, "DHMEM_PERMISSION");
	const group = flagIn(refused, "--group-add=");
	works(await open({ mode: "open" }, { user: BOB, environment, flags: [...volume, group] }));
});

test.run();
