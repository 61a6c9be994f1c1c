/** Removing and replacing files that have a region's name, whomever they belong to. */
import {
	chmodSync,
	chownSync,
	existsSync,
	lstatSync,
	mkdirSync,
	rmSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Region } from "dhmem";
import * as assert from "uvu/assert";
import { shim } from "../../src/host/shim.js";
import { folderTest, Peer } from "./peer.js";

const ALICE = 1001;
const JOIN_LOCK = 1024;
/** Milliseconds for which a lock is waited for. */
const WAITED = 10_000;
const FORCE_CREATE = 3;

const changes = (path: string) => [
	{ command: `unlink ${path}`, answer: "unlinked", isThere: false },
	{ command: `open-as ${path} ${FORCE_CREATE}`, answer: "open", isThere: true },
];

folderTest("a stranger's region is removed and replaced, and its lock is not waited for", async (folder) => {
	chmodSync(folder, 0o1777);
	const path = join(folder, "region.dhmem");
	for (const { command, answer, isThere } of changes(path)) {
		await using peer = new Peer();
		Region.open("region", { directory: folder, size: "1MiB", mode: "force-create" }).close();
		chownSync(path, ALICE, ALICE);
		assert.match(await peer.ask(`open-as ${path} 0`), /^DHMEM_PERMISSION .*user 1001/);
		const file = shim().openFile(path, true);
		try {
			assert.ok(shim().tryLock(file, JOIN_LOCK));
			const before = performance.now();
			await peer.ask(command, answer);
			assert.ok(performance.now() - before < WAITED, "the lock was waited for");
		} finally {
			shim().closeFile(file);
		}
		assert.is(existsSync(path), isThere);
		if (isThere) assert.is(lstatSync(path).uid, process.getuid?.());
	}
});

folderTest("what is no region is removed and replaced too", async (folder) => {
	const path = join(folder, "region.dhmem");
	for (const { command, answer, isThere } of changes(path)) {
		for (const make of [() => symlinkSync("/dev/null", path), () => writeFileSync(path, "no region")]) {
			rmSync(path, { force: true });
			make();
			await using peer = new Peer();
			await peer.ask(command, answer);
			assert.is(lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false, isThere);
		}
		await using peer = new Peer();
		rmSync(path, { force: true });
		mkdirSync(path);
		assert.match(await peer.ask(command), /^DHMEM_FORMAT .*is not a regular file/);
		rmSync(path, { recursive: true });
	}
});

folderTest("a region that was truncated still removes its own name, and no other's", async (folder) => {
	const path = join(folder, "region.dhmem");
	await using peer = new Peer();
	await peer.ask(`open-as ${path} 0`, "open");
	truncateSync(path, 100);
	await peer.ask("unlink-own", "unlinked");
	assert.not.ok(existsSync(path));
	assert.match(await peer.ask("unlink-own"), /^DHMEM_NOT_FOUND /);
	writeFileSync(path, "no region");
	assert.match(await peer.ask("unlink-own"), /^DHMEM_NOT_FOUND .*another region now/);
	assert.ok(existsSync(path));
});
