/** What `dhmem` writes is written completely, or it fails and keeps the previous contents. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Queue, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { long, type Place, placeTest } from "../fixture/index.js";

/** The bytes that a file has room for. `write` takes the first part of more, as on a file system that fills up. */
const ROOM = 64 * 1024;
/** As dash and others count. */
const LIMIT = `ulimit -f ${ROOM / 512}`;

/** A test with a region called r. */
function regionTest(title: string, body: (place: Place, region: Region) => Promise<void>): void {
	placeTest(title, async (place) => {
		using region = Region.open("r", { directory: place.regions, size: "64MiB" });
		try {
			await body(place, region);
		} finally {
			region.unlink();
		}
	});
}

function textsLeft(queue: Queue): string[] {
	using consumer = queue.consumer();
	return consumer.receiveMany(1000).map((message) => message.text());
}

for (const options of ["", "--raw"]) {
	regionTest(
		`recv ${options} into a file that takes no more fails, and releases only what was written`,
		async (place, region) => {
			const queue = region.queue("q");
			const messages = Array.from({ length: 20 }, (_, index) => String(index).padEnd(5000, "."));
			const producer = queue.producer();
			for (const message of messages) producer.trySend(message);
			producer.end();
			const { code, stderr } = await place.shell(`${LIMIT}; dhmem recv ${options} r q > out`);
			assert.is(code, 1);
			assert.match(stderr, /^dhmem: the output can't be written: EFBIG[^\n]*\n$/);
			const written = readFileSync(join(place.folder, "out"), "utf8");
			assert.is(written.length, ROOM);
			const whole = Math.floor(ROOM / (options === "" ? 5001 : 5000));
			assert.equal(textsLeft(queue), messages.slice(whole));
		},
	);
}

regionTest(
	"recv of records into a file that takes no more takes only what was written",
	async (place, region) => {
		const queue = region.queue("q", { record: "f64", capacity: 16_384 });
		const values = Float64Array.from({ length: 16_000 }, (_, index) => index);
		assert.is(queue.producer().pushMany(values), values.length);
		const { code } = await place.shell(`${LIMIT}; dhmem recv --raw r q > out`);
		assert.is(code, 1);
		const { size } = statSync(join(place.folder, "out"));
		const first = queue.consumer().pop() ?? assert.unreachable();
		assert.ok(size > 0 && Number(first) * 8 <= size, `${first} is next, and ${size} bytes were written`);
	},
);

long(regionTest)(
	"get --free into a file that takes no more fails, and frees nothing",
	async (place, region) => {
		const block = region.allocate(3 * ROOM);
		block.bytes.fill(7);
		const handle = region.save(block);
		for (const target of ["out", "/dev/full"]) {
			const { code, stderr } = await place.shell(
				`${LIMIT}; dhmem get --region r --free ${handle} > ${target}`,
			);
			assert.is(code, 1, stderr);
			assert.match(stderr, /ENOSPC|EFBIG/);
		}
		const { code, bytes } = await place.run(["get", "--region=r", "--free", String(handle)]);
		assert.is(code, 0);
		assert.is(bytes.length, 3 * ROOM);
		assert.ok(bytes.every((byte) => byte === 7));
		assert.is((await place.run(["get", "--region=r", String(handle)])).code, 1, "it was freed");
	},
);

regionTest("put whose token can't be written leaves no block behind", async (place, region) => {
	const before = region.stats().used;
	const { code } = await place.shell("echo bytes | dhmem put --region r > /dev/full");
	assert.is(code, 1);
	region.recover();
	assert.is(region.stats().used, before);
});

long(regionTest)("other commands also print everything or fail", async (place, region) => {
	for (let i = 0; i < 1500; i++) region.mutex(`${"a long name ".repeat(8)}${i}`);
	for (const command of ["stat r", "stat --json r", "ls --json"]) {
		const { code, stderr } = await place.shell(`${LIMIT}; dhmem ${command} > out`);
		assert.is(code, 1, command);
		assert.match(stderr, /ENOSPC|EFBIG/);
	}
});

long(placeTest)("a block of more than 2 GiB is written whole, and freed then", async (place) => {
	using region = Region.open("r", { directory: place.regions });
	try {
		const length = 2 ** 31 + 100_000;
		const block = region.allocate(length);
		Buffer.from(block.bytes.buffer, block.bytes.byteOffset, length).write("the end", length - 7);
		const handle = region.save(block);
		const piped = await place.shell(`dhmem get --region r ${handle} | { head -c 2147583641 | wc -c; cat; }`);
		assert.is(piped.stderr, "");
		assert.is(piped.stdout, `${length - 7}\nthe end`);
		const { code, stderr } = await place.shell(`dhmem get --region r --free ${handle} > /dev/null`);
		assert.is(code, 0, stderr);
		assert.match((await place.run(["get", "--region=r", String(handle)])).stderr, "DHMEM_BAD_HANDLE");
	} finally {
		region.unlink();
	}
});

long(placeTest)("a message of more bytes than a string holds is received whole", async (place) => {
	using region = Region.open("r", { directory: place.regions });
	try {
		const length = 2 ** 29 + 7;
		const queue = region.queue("q");
		const producer = queue.producer();
		for (let i = 0; i < 2; i++) producer.tryReserve(length)?.commit();
		producer.end();
		const { stdout, stderr } = await place.shell("dhmem recv r q | wc -c");
		assert.is(stderr, "");
		assert.is(Number(stdout), 2 * (length + 1));
	} finally {
		region.unlink();
	}
});

placeTest("a long line of numbers is one line, whatever pieces it is written in", async (place) => {
	using region = Region.open("r", { directory: place.regions, size: "16MiB" });
	try {
		const producer = region.queue("q").producer();
		const numbers = Uint32Array.from({ length: 10_000 }, (_, index) => index);
		producer.trySend(numbers);
		producer.trySend(numbers.subarray(0, 4096));
		producer.trySend("");
		producer.end();
		const { stdout } = await place.run(["recv", "--as=u32", "r", "q"]);
		assert.is(stdout, `${numbers.join(" ")}\n${numbers.subarray(0, 4096).join(" ")}\n\n`);
	} finally {
		region.unlink();
	}
});

test.run();
