/** Containers that may use only so much memory: the error comes before the kernel kills, and after a kill nothing is lost. */
import { Region } from "dhmem";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Container, makeSharedFolder, type Options, removeFolder, sharing } from "./podman.js";

const MIB = 2 ** 20;
const test = suite("Containers with a limit of memory");
let folder = "";

test.before.each(() => {
	folder = makeSharedFolder();
});

test.after.each(async () => {
	await Container.removeAll();
	removeFolder(folder);
});

function limited(memory: string): Options {
	const { flags = [], ...shared } = sharing(folder);
	return { ...shared, flags: [...flags, `--memory=${memory}`] };
}

for (const [space, size] of [
	["the heap", "1GiB"],
	["the bulk space", "16GiB"],
] as const) {
	test(`a block beyond the limit in ${space} is an error that names the flag, which helps`, async () => {
		const fill = async (memory: string) => {
			const container = Container.run("fill", [size, 400 * MIB], limited(memory));
			const outcome = await container.hear<{ code: string; message: string }>();
			await container.finish();
			return outcome;
		};
		const { code, message } = await fill("200m");
		assert.is(code, "DHMEM_NO_SPACE", message);
		assert.match(message, /may use only \d+ MiB more of 200 MiB/);
		const memory = /--memory=(\d+m)/.exec(message)?.[1] as string;
		assert.equal(await fill(memory), { code: "nothing", message: "" });
	});
}

test("an allocation near the limit takes the pages of free memory", async () => {
	const container = Container.run("refill", [90 * MIB, 110 * MIB], limited("200m"));
	const { used, committed } = await container.hear<{ used: number; committed: number }>();
	await container.finish();
	assert.ok(used > 110 * MIB && committed < 120 * MIB, `${committed} bytes have pages, ${used} are in use`);
});

test("a container that the kernel kills for its memory gives back all that it had", async () => {
	using region = Region.open("numbers", { directory: folder, size: "16GiB", permissions: 0o660 });
	using consumer = region.queue("kept").consumer();
	const { used } = region.stats();
	// Blocks this small are not worth a look at the limit.
	const container = Container.run("swallow", [8 * MIB], limited("200m"));
	await container.finish(137);
	const message = await consumer.receive();
	assert.ok(message?.block?.bytes.every((byte) => byte === 7));
	message?.release();
	region.recover();
	assert.is(region.stats().used, used);
	assert.ok(region.trim() > 100 * MIB);
	assert.is(region.stats().trimmable, 0);
	region.allocate(300 * MIB).bytes.fill(8);
});

test.run();
