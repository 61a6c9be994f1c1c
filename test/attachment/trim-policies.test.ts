/** When freed memory goes back to the machine by itself: the option `trim`. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Region, type RegionOptions } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, limitedTest, regionTest, until } from "../fixture/index.js";

const MIB = 2 ** 20;
/** More than `lazy` leaves. */
const MUCH = 80 * MIB;

function make(trim: RegionOptions["trim"]): Region {
	return Region.temporary({ size: "1GiB", trim });
}

function join({ name }: Region, trim: RegionOptions["trim"]): Region {
	return Region.open(name, { trim });
}

/** Mebibytes of memory that the region's file has, rounded. */
function pagesOf(region: Region): number {
	return Math.round((statSync(region.path).blocks * 512) / MIB);
}

async function shrunk(region: Region): Promise<void> {
	await until(() => pagesOf(region) < 5);
}

limitedTest("eager gives back what was freed in steps, between which the event loop runs", async () => {
	using region = make("eager");
	region.allocate(192 * MIB).free();
	const seen = new Set<number>();
	while (pagesOf(region) >= 64) {
		seen.add(pagesOf(region));
		await nextTurn();
	}
	assert.ok(seen.size >= 3, `${[...seen]}`);
	await shrunk(region);
});

const frees: [string, (region: Region) => void][] = [
	[
		"a message is released",
		(region) => {
			const queue = region.queue("q");
			queue.producer().trySend(new Uint8Array(8 * MIB));
			queue.consumer().tryReceive()?.release();
		},
	],
	[
		"a batch is released",
		(region) => {
			const queue = region.queue("q");
			const producer = queue.producer();
			producer.trySend("small");
			for (let i = 0; i < 2; i++) producer.trySend(new Uint8Array(4 * MIB));
			producer.end();
			void (async () => {
				for await (const batch of queue.consumer().batches(10)) assert.ok(batch.length > 0);
			})();
		},
	],
	[
		"a queue drops its oldest message",
		(region) => {
			const producer = region.queue("q", { policy: "drop-oldest", keep: 1 }).producer();
			producer.trySend(new Uint8Array(16 * MIB));
			producer.trySend("small");
		},
	],
	[
		"an object is removed",
		(region) => {
			region.array("a", { dtype: "u8", shape: [8 * MIB] });
			region.remove("a");
		},
	],
	["a saved block is freed", (region) => loadedBlock(region).free()],
];

function loadedBlock(region: Region) {
	const loaded = region.load(region.save(region.allocate(8 * MIB)));
	if (loaded.kind !== "block") throw new Error(loaded.kind);
	return loaded;
}

for (const [what, free] of frees) {
	limitedTest(`eager gives memory back after ${what}`, async () => {
		using region = make("eager");
		free(region);
		assert.ok(pagesOf(region) >= 8);
		await shrunk(region);
	});
}

limitedTest("eager gives back what a dead participant had, when somebody recovers from it", async () => {
	using region = make("eager");
	const script = `
		const { Region } = await import(process.argv[1]);
		Region.open(process.argv[2]).allocate(${8 * MIB});
		process.kill(process.pid, "SIGKILL");`;
	assert.is(inProcess(script, region).signal, "SIGKILL");
	assert.ok(pagesOf(region) >= 8);
	assert.is(region.recover(), 1);
	await shrunk(region);
});

function inProcess(script: string, region: Region) {
	const library = import.meta.resolve("dhmem");
	const args = ["--input-type=module", "-e", script, library, region.name];
	return spawnSync(process.execPath, args, { encoding: "utf8" });
}

limitedTest("a process that frees eagerly ends when all is given back", () => {
	using region = make("never");
	const script = `
		const { Region } = await import(process.argv[1]);
		globalThis.kept = Region.open(process.argv[2], { trim: "eager" });
		kept.allocate(${192 * MIB}).free();`;
	const { status, stderr } = inProcess(script, region);
	assert.is(status, 0, stderr);
	assert.ok(pagesOf(region) < 5);
});

limitedTest("lazy gives back what was free for a period, but leaves a little", async () => {
	using never = make("never");
	using little = make("lazy");
	using lazy = make("lazy");
	for (const region of [never, lazy]) region.allocate(MUCH).free();
	little.allocate(48 * MIB).free();
	await shrunk(lazy);
	assert.ok(pagesOf(never) >= 80);
	assert.ok(pagesOf(little) >= 48);
});

limitedTest("lazy gives back although nothing else wakes the event loop", async () => {
	using region = make("never");
	const script = `
		const { Region } = await import(process.argv[1]);
		globalThis.kept = Region.open(process.argv[2], { trim: "lazy" });
		kept.allocate(${512 * MIB}).free();
		process.stdin.resume();`;
	const library = import.meta.resolve("dhmem");
	const child = spawn(process.execPath, ["--input-type=module", "-e", script, library, region.name]);
	try {
		await until(() => pagesOf(region) >= 500);
		await shrunk(region);
	} finally {
		child.kill("SIGKILL");
		await once(child, "exit");
	}
});

limitedTest("lazy leaves blocks in a cycle their pages", async () => {
	using cycled = make("lazy");
	using other = make("lazy");
	const queue = cycled.queue("q");
	const producer = queue.producer();
	const consumer = queue.consumer();
	let least = Number.POSITIVE_INFINITY;
	const cycle = async () => {
		producer.trySend("", { block: cycled.allocate(MUCH) });
		consumer.tryReceive()?.release();
		await nextTurn();
		least = Math.min(least, pagesOf(cycled));
	};
	await cycle();
	other.allocate(MUCH).free();
	while (pagesOf(other) >= 5) await cycle();
	assert.ok(least >= 80, `${least} MiB`);
	await shrunk(cycled);
});

for (const lifetime of ["persistent", "last-close"] as const) {
	test(`at close, lazy gives back what the participant had in a ${lifetime} region`, () => {
		const name = `trim-${process.pid}-${lifetime}`;
		using stays = Region.open(name, { size: "1GiB", lifetime });
		try {
			const leaves = join(stays, "lazy");
			leaves.allocate(MUCH);
			leaves.close();
			assert.ok(pagesOf(stays) < 5);
			assert.equal(stays.stats().participants.length, 1);
		} finally {
			stays.unlink();
		}
	});
}

test("at close, lazy leaves what others have freed", () => {
	using region = make("never");
	region.allocate(MUCH).free();
	join(region, "lazy").close();
	assert.ok(pagesOf(region) >= 80);
	join(region, "eager").close();
	assert.ok(pagesOf(region) < 5);
});

regionTest("what trim may be is said", (region) => {
	assert.is(
		codeOf(() => join(region, "sometimes" as "lazy")),
		"DHMEM_BAD_ARGUMENT",
	);
});

test.run();
