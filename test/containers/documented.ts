/** The commands of `docs/containers.md`, word for word except for the folder's name. */
import { execFile } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
	Container,
	makeImage,
	makeSharedFolder,
	PATIENCE,
	podman,
	programs,
	removeFolder,
} from "./podman.js";
import { PROJECT } from "./root-file-system.js";

const test = suite("docs/containers.md");
const text = readFileSync(join(PROJECT, "docs/containers.md"), "utf8");

/** The heading and the commands of each way of sharing. */
const ways = text.split(/^## /m).flatMap((section) => {
	const commands = /```sh\n(.*?)```/s.exec(section)?.[1];
	const title = section.slice(0, section.indexOf("\n"));
	return commands?.includes("doctor --peer") ? [{ title, commands }] : [];
});

test.before(() => {
	makeImage("my-image");
	assert.is(ways.length, 4);
});

test.after.each(() => Container.removeAll());

for (const { title, commands } of ways) {
	test(`two containers meet: ${title}`, async () => {
		// A name that nobody else uses, of a folder that does not exist yet.
		const folder = makeSharedFolder();
		removeFolder(folder);
		try {
			const PATH = `${programs()}:${process.env.PATH}`;
			const { stdout } = await promisify(execFile)(
				"sh",
				["-ec", commands.replaceAll("climate", basename(folder))],
				{ env: { ...process.env, PATH }, timeout: PATIENCE },
			);
			assert.is(stdout.match(/^ok {7}peer: exchanged messages with process/gm)?.length, 2, stdout);
			assert.equal(podman("ps", "--all", "--quiet"), "");
		} finally {
			rmSync(folder, { recursive: true, force: true });
		}
	});
}

test.run();
