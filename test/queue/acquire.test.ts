/** Waiting for an endpoint that another participant holds. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Queue, type RecordQueue, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, codeOfLater, regionTest } from "../fixture/index.js";

const patience = { timeout: 20_000 };

type AnyQueue = Queue | RecordQueue;
type Side = "producer" | "consumer";

function take(queue: AnyQueue, side: Side) {
	return side === "producer" ? queue.producer() : queue.consumer();
}

function acquire(queue: AnyQueue, side: Side, options?: { timeout?: number; signal?: AbortSignal }) {
	return side === "producer" ? queue.acquireProducer(options) : queue.acquireConsumer(options);
}

/** Opens a queue of each kind. */
const kinds: [string, (region: Region) => AnyQueue][] = [
	["messages", (region) => region.queue("q", { capacity: 4096 })],
	["the latest", (region) => region.queue("q", { policy: "latest" })],
	["the last ones", (region) => region.queue("q", { policy: "drop-oldest", keep: 4 })],
	["records", (region) => region.queue("q", { record: "f64", capacity: 16 })],
];

for (const [title, open] of kinds) {
	regionTest(
		`either endpoint of a queue of ${title} can be acquired as soon as its holder has left`,
		async (region) => {
			using other = Region.open(region.name);
			for (const side of ["producer", "consumer"] as const) {
				const queue = open(region);
				(await acquire(queue, side)).close();
				for (const opening of [other, region]) {
					const holder = take(open(opening), side);
					const waiting = acquire(queue, side, patience);
					assert.is(
						codeOf(() => take(queue, side)),
						"DHMEM_ENDPOINT_TAKEN",
					);
					assert.is(await codeOfLater(acquire(queue, side, { timeout: 0 })), "DHMEM_TIMEOUT");
					holder.close();
					const end = await waiting;
					assert.is(end.closed, false);
					assert.is(
						codeOf(() => take(open(other), side)),
						"DHMEM_ENDPOINT_TAKEN",
					);
					end.close();
				}
			}
		},
	);

	regionTest(
		`an endpoint of a queue of ${title} can be acquired once its holder's opening is gone`,
		async (region) => {
			const other = Region.open(region.name);
			take(open(other), "consumer");
			const waiting = open(region).acquireConsumer(patience);
			other.close();
			assert.is((await waiting).closed, false);
		},
	);
}

regionTest("an endpoint can be acquired when the process that holds it is killed", async (region) => {
	const held = `
		import { Region } from ${JSON.stringify(import.meta.resolve("dhmem"))};
		const region = Region.open(${JSON.stringify(region.name)});
		const producer = region.queue("q").producer();
		console.log("held");
		setInterval(() => producer, 1000);`;
	const child = spawn(process.execPath, ["--input-type=module", "-e", held]);
	await once(child.stdout, "data");
	const waiting = region.queue("q").acquireProducer(patience);
	child.kill("SIGKILL");
	const producer = await waiting;
	assert.is(producer.trySend("from the next one"), true);
});

regionTest("several waiting participants get the endpoint in turn, and nothing is lost", async (region) => {
	const queue = region.queue("q");
	const openings = Array.from({ length: 4 }, () => Region.open(region.name));
	const first = queue.producer();
	const texts = [region, ...openings].map(async (opening, index) => {
		const producer = await opening.queue("q").acquireProducer(patience);
		await producer.send(`${index}`);
		producer.close();
	});
	first.close();
	await Promise.all(texts);
	const consumer = await queue.acquireConsumer();
	assert.equal(
		consumer
			.receiveMany(10)
			.map((message) => message.text())
			.sort(),
		["0", "1", "2", "3", "4"],
	);
	for (const opening of openings) opening.close();
});

regionTest("waiting for an end is ended by the signal, by removal and by closing", async (region) => {
	using other = Region.open(region.name);
	other.queue("q").producer();
	const aborter = new AbortController();
	const aborted = region.queue("q").acquireProducer({ signal: aborter.signal });
	aborter.abort(new Error("enough"));
	assert.is(await aborted.catch((error: Error) => error.message), "enough");
	const removed = region.queue("q").acquireProducer();
	region.remove("q");
	assert.is(await codeOfLater(removed), "DHMEM_CLOSED");
	other.queue("r").producer();
	const closed = region.queue("r").acquireProducer();
	region.close();
	assert.is(await codeOfLater(closed), "DHMEM_CLOSED");
});

regionTest("an acquired endpoint has the given defaults", async (region) => {
	const queue = region.queue("q");
	const consumer = await queue.acquireConsumer(patience, { timeout: 0 });
	assert.is(await codeOfLater(consumer.receive()), "DHMEM_TIMEOUT");
	assert.is(await codeOfLater(queue.acquireProducer({ timeout: -1 })), "DHMEM_BAD_ARGUMENT");
	assert.is(await codeOfLater(queue.acquireProducer({ misspelt: 1 } as never)), "DHMEM_BAD_ARGUMENT");
});

regionTest("an endpoint's defaults are read once, before the wait for it", async (region) => {
	const queue = region.queue("q");
	const holder = queue.consumer();
	for (const wrong of [{ timeout: -1 }, { misspelt: 1 }, { patient: "yes" }])
		assert.is(await codeOfLater(queue.acquireConsumer({}, wrong as never)), "DHMEM_BAD_ARGUMENT");
	let reads = 0;
	const defaults = {
		get timeout() {
			return reads++ === 0 ? 0 : 1000;
		},
	};
	const waiting = queue.acquireConsumer(patience, defaults);
	assert.is(reads, 1);
	holder.close();
	assert.is(await codeOfLater((await waiting).receive()), "DHMEM_TIMEOUT");
	assert.is(reads, 1);
});

test.run();
