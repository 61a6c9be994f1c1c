/** The operations that need the operating system, each with what must hold when it was cut off anywhere. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Message, Region, type RegionOptions } from "dhmem";
import * as assert from "uvu/assert";
import { nameOperations, namePreparations } from "./name-operations.js";
import {
	litterAmong,
	noticed,
	type Operation,
	PATIENCE,
	type Survival,
	settled,
	WORKED_IN,
} from "./operation.js";
import { NAME, SIZE, type VictimStage } from "./victim-stage.js";

const QUEUE = "queue";
const MUTEX = "mutex";

function expectResult(result: string | undefined, ...expected: string[]): void {
	if (result !== undefined) assert.ok(expected.includes(result), `it came out as ${result}`);
}

// ------------------------------------------------------------------------------------------------ files

/** Makes the region where there is none. */
function making(name: string, options: RegionOptions, hasTmpfile = true): Operation {
	return {
		name,
		hasTmpfile,
		victim: (stage) => () => stage.open(options),
		survivor: (stage) => ({
			verify({ result }) {
				if (result === "done") assert.ok(options.lifetime === "last-close" || stage.exists);
				if (hasTmpfile && options.mode !== "force-create")
					assert.equal(litterAmong(stage.names()), [], "litter");
				const survivor = stage.enter();
				survivor.goOn();
			},
		}),
	};
}

/** Opens the region where a survivor has it. */
function opening(name: string, options: RegionOptions): Operation {
	return {
		name,
		victim: (stage) => () => stage.open(options),
		survivor(stage) {
			const survivor = stage.enter();
			return { verify: () => survivor.goOn() };
		},
	};
}

function replacing(name: string, hasTmpfile: boolean): Operation {
	return {
		name,
		hasTmpfile,
		victim: (stage) => () => stage.open({ mode: "force-create" }),
		survivor(stage) {
			const old = stage.enter();
			return {
				verify() {
					old.goOn();
					assert.ok(stage.exists, "the name was gone for a moment");
					const other = stage.enter({ mode: "open" });
					other.work();
					other.region.close();
				},
			};
		},
	};
}

/** Something with a region that was to go with its last participant, who died. */
function meetingTheDead(name: string, body: (stage: VictimStage) => unknown, expected: string): Operation {
	return {
		name,
		victim: (stage) => () => body(stage),
		async survivor(stage) {
			await stage.run(dead.name);
			assert.ok(stage.exists);
			return {
				verify({ result, undisturbed }) {
					if (undisturbed) expectResult(result, expected);
					assert.equal(litterAmong(stage.names()), [], "litter");
					stage.enter({ lifetime: "last-close" }).goOn();
				},
			};
		},
	};
}

const dead: Operation = {
	name: "die as the last one",
	victim: (stage) => {
		stage.open({ lifetime: "last-close" }).allocate(100_000);
		return () => stage.die();
	},
	survivor: () => ({ verify() {} }),
};

/** Nothing must be left in the folder when others have looked there. */
function leaving(name: string, victim: Operation["victim"]): Operation {
	return {
		name,
		victim,
		survivor: (stage) => ({
			verify({ result, undisturbed }) {
				expectResult(undisturbed ? result : undefined, "done");
				if (undisturbed) assert.equal(stage.names(), []);
				assert.equal(Region.list({ directory: stage.directory }), []);
				assert.equal(stage.names(), []);
			},
		}),
	};
}

const files: Operation[] = [
	making("create", { mode: "create" }),
	making("open or create, and there is none", {}),
	making("create a last-close region", { mode: "create", lifetime: "last-close" }),
	making("create without O_TMPFILE", { mode: "create" }, false),
	making("force-create, and there is none", { mode: "force-create" }),
	opening("open", { mode: "open" }),
	opening("open or create, and there is one", {}),
	opening("open read-only", { mode: "read-only" }),
	opening("open copy-on-write", { mode: "copy-on-write" }),
	{
		name: "open where somebody has died",
		victim: (stage) => {
			stage.perish(() => hold(stage));
			return () => stage.open({ mode: "open" });
		},
		survivor(stage) {
			const survivor = stage.enter();
			survivor.region.queue(QUEUE, { capacity: "4KiB" });
			return {
				verify() {
					survivor.region.remove(QUEUE);
					survivor.region.remove(MUTEX);
					survivor.goOn();
				},
			};
		},
	},
	replacing("force-create", true),
	replacing("force-create without O_TMPFILE", false),
	leaving("close as the last one", (stage) => {
		const region = stage.open({ lifetime: "last-close" });
		return () => region.close();
	}),
	leaving("open and close for a moment", (stage) => () => {
		const region = Region.temporary({ directory: stage.directory, size: SIZE });
		stage.keep(region);
		region.close();
	}),
	{
		name: "close, and another stays",
		victim: (stage) => {
			const region = stage.open({ mode: "open" });
			region.allocate(100_000);
			return () => region.close();
		},
		survivor(stage) {
			const survivor = stage.enter({ lifetime: "last-close" });
			return {
				verify() {
					survivor.goOn();
					assert.ok(stage.exists, "the name is gone, and somebody is there");
					survivor.region.close();
					assert.equal(stage.names(), []);
				},
			};
		},
	},
	meetingTheDead(
		"open or create, and all are dead",
		(stage) => stage.open({ lifetime: "last-close" }),
		"done",
	),
	meetingTheDead(
		"create, and all are dead",
		(stage) => stage.open({ mode: "create", lifetime: "last-close" }),
		"done",
	),
	meetingTheDead("open, and all are dead", (stage) => stage.open({ mode: "open" }), "DHMEM_NOT_FOUND"),
	meetingTheDead("list, and all are dead", ({ directory }) => Region.list({ directory }), "done"),
	{
		name: "list, and there is litter",
		victim:
			({ directory }) =>
			() =>
				Region.list({ directory }),
		survivor(stage) {
			const survivor = stage.enter();
			writeFileSync(join(stage.directory, ".dhmem-0123456789abcdef.tmp"), "x".repeat(4096));
			return {
				verify({ undisturbed }) {
					if (undisturbed) assert.equal(litterAmong(stage.names()), [], "litter");
					survivor.goOn();
				},
			};
		},
	},
	{
		name: "unlink",
		victim:
			({ directory }) =>
			() =>
				Region.unlink(NAME, { directory }),
		survivor(stage) {
			const survivor = stage.enter();
			return {
				verify({ result }) {
					assert.ok(result !== "done" || !stage.exists);
					survivor.goOn();
					stage.enter().work();
				},
			};
		},
	},
];

// ----------------------------------------------------------------------------------------------- memory

/** `times` blocks of `bytes`, of which the first may find pages that a survivor used before. */
function allocating(times: number, bytes: number, size = SIZE): Operation {
	return {
		name: `allocate ${times} of ${bytes} bytes`,
		victim(stage) {
			const region = stage.open({ mode: "open", size });
			return () => {
				for (let time = 0; time < times; time++) region.allocate(bytes);
			};
		},
		survivor(stage) {
			const survivor = stage.enter({ size });
			return {
				verify({ result }) {
					const least = times * bytes - WORKED_IN;
					if (result === "done")
						assert.ok(survivor.grown >= least, `only ${survivor.grown} bytes have pages`);
					survivor.goOn();
				},
			};
		},
	};
}

/** Changes a named object that is there; `check` looks whether it is whole, in whatever state. */
function changing(
	name: string,
	change: (region: Region) => unknown,
	check: (region: Region, done: boolean) => void,
): Operation {
	return {
		name,
		victim(stage) {
			const region = stage.open({ mode: "open" });
			return () => change(region);
		},
		survivor(stage) {
			const survivor = stage.enter();
			return {
				verify({ result }) {
					survivor.region.recover();
					check(survivor.region, result === "done");
					survivor.region.remove("changed");
					survivor.goOn();
				},
			};
		},
	};
}

/** What a participant holds that dies of it. */
function hold(stage: VictimStage): void {
	const region = stage.open({ mode: "open" });
	region.allocate(100_000);
	region.queue(QUEUE).producer();
	region.mutex(MUTEX).lockSync();
}

const memory: Operation[] = [
	allocating(30, 30_000),
	allocating(1, 1_000_000),
	allocating(1, 40_000_000, "64MiB"),
	changing(
		"construct an array of 1 MiB",
		(region) => region.array("changed", { dtype: "u8", shape: [2 ** 20] }),
		(region) => assert.is(region.array("changed", { dtype: "u8", shape: [2 ** 20] }).data.length, 2 ** 20),
	),
	changing(
		"grow a vector",
		(region) => region.vector("changed", "u32").push(...Array.from({ length: 50_000 }, (_, index) => index)),
		(region, done) => {
			const vector = region.vector("changed", "u32");
			assert.ok(vector.length === 50_000 || !done);
			assert.ok(vector.view.every((value, index) => value === index));
			vector.push(1);
		},
	),
	changing(
		"grow a map",
		(region) => {
			const map = region.map("changed", { key: "u32", value: "u32" });
			for (let key = 0; key < 300; key++) map.set(key, key);
		},
		(region, done) => {
			const map = region.map("changed", { key: "u32", value: "u32" });
			const { size } = map;
			assert.ok(size === 300 || !done);
			for (let key = 0; key < size; key++) assert.is(map.get(key), key);
			map.set(1000, 1);
		},
	),
	{
		name: "recover",
		victim(stage) {
			const region = stage.open({ mode: "open" });
			stage.perish(() => hold(stage));
			return () => region.recover();
		},
		survivor(stage) {
			const survivor = stage.enter();
			survivor.region.queue(QUEUE, { capacity: "4KiB" });
			survivor.region.mutex(MUTEX);
			return {
				verify() {
					const { region } = survivor;
					region.recover();
					// What the dead one had can be had.
					region.queue(QUEUE).producer().close();
					region.mutex(MUTEX).lockSync({ timeout: 0 }).unlock();
					region.remove(QUEUE);
					region.remove(MUTEX);
					survivor.goOn();
				},
			};
		},
	},
];

// ---------------------------------------------------------------------------------------------- waking

const TEXT = "wake up";
const LARGE = 2_000_000;

function textOf(message: Message | undefined): string {
	if (message === undefined) return "ended";
	const text = message.bytes[0] === 1 ? `${message.length} bytes` : message.text();
	message.release();
	return text;
}

/** Sends to a consumer that sleeps: it has what was sent, or is told that nobody is there any more. */
function sending(name: string, expected: string, send: (region: Region) => () => unknown): Operation {
	return {
		name: `${name} to a consumer that sleeps`,
		victim: (stage) => send(stage.open({ mode: "open" })),
		survivor(stage): Survival {
			const survivor = stage.enter();
			const consumer = survivor.region.queue(QUEUE, { capacity: "64KiB" }).consumer();
			let received: Promise<string>;
			return {
				wait() {
					received = settled(consumer.receive({ timeout: PATIENCE }).then(textOf));
				},
				async verify({ result }) {
					const text = await noticed(received);
					if (result === "done") assert.is(text, expected);
					else expectResult(text, expected, "DHMEM_PEER_GONE");
					survivor.region.recover();
					survivor.region.remove(QUEUE);
					survivor.goOn();
				},
			};
		},
	};
}

/** Something that makes room for a producer that sleeps, whose messages are all there in their order. */
const releasing: Operation = {
	name: "release to a producer that sleeps",
	victim(stage) {
		const consumer = stage.open({ mode: "open" }).queue(QUEUE).consumer();
		return () => {
			for (const message of consumer.receiveMany(100)) message.release();
		};
	},
	survivor(stage): Survival {
		const survivor = stage.enter();
		const queue = survivor.region.queue(QUEUE, { capacity: "4KiB" });
		const producer = queue.producer();
		let sent = 0;
		while (producer.trySend(String(sent))) sent++;
		let sending: Promise<string>;
		return {
			wait() {
				sending = settled(producer.send(String(sent), { timeout: PATIENCE }).then(() => "sent"));
			},
			async verify({ result }) {
				const outcome = await noticed(sending);
				expectResult(outcome, "sent", "DHMEM_PEER_GONE");
				if (result === "done") assert.is(outcome, "sent");
				survivor.region.recover();
				using consumer = queue.consumer();
				const numbers = consumer.receiveMany(1000).map((message) => Number(textOf(message)));
				const last = outcome === "sent" ? sent : sent - 1;
				const first = numbers[0] ?? last + 1;
				assert.equal(
					numbers,
					Array.from({ length: last - first + 1 }, (_, index) => first + index),
				);
				consumer.close();
				survivor.region.remove(QUEUE);
				survivor.goOn();
			},
		};
	},
};

const unlocking: Operation = {
	name: "unlock, and another sleeps",
	victim(stage) {
		const held = stage.open({ mode: "open" }).mutex(MUTEX).lockSync();
		return () => held.unlock();
	},
	survivor(stage): Survival {
		const survivor = stage.enter();
		const mutex = survivor.region.mutex(MUTEX);
		let locked: Promise<string>;
		return {
			wait() {
				const lock = mutex.lock({ timeout: PATIENCE }).then((held) => {
					held.unlock();
					return held.abandoned ? "abandoned" : "locked";
				});
				locked = settled(lock);
			},
			async verify({ result }) {
				const outcome = await noticed(locked);
				expectResult(outcome, "locked", "abandoned");
				if (result === "done") assert.is(outcome, "locked");
				survivor.region.recover();
				survivor.region.remove(MUTEX);
				survivor.goOn();
			},
		};
	},
};

const notifying: Operation = {
	name: "notify somebody who sleeps",
	victim(stage) {
		const region = stage.open({ mode: "open" });
		const mutex = region.mutex(MUTEX);
		const condition = region.condition("condition");
		const { data } = region.array("flag", { dtype: "u32", shape: [1] });
		return () => {
			const held = mutex.lockSync();
			Atomics.store(data, 0, 1);
			condition.notifyOne();
			held.unlock();
		};
	},
	survivor(stage): Survival {
		const survivor = stage.enter();
		const { region } = survivor;
		const mutex = region.mutex(MUTEX);
		const condition = region.condition("condition");
		const { data } = region.array("flag", { dtype: "u32", shape: [1] });
		const until = () => Atomics.load(data, 0) === 1;
		let notified: Promise<string>;
		return {
			wait() {
				const held = mutex.lockSync();
				const wait = condition.wait(held, { until, timeout: PATIENCE }).then(() => {
					held.unlock();
					return "notified";
				});
				notified = settled(wait);
			},
			async verify({ result }) {
				if (!until()) {
					assert.is.not(result, "done");
					Atomics.store(data, 0, 1);
					condition.notifyOne();
				}
				assert.is(await noticed(notified), "notified");
				region.recover();
				for (const name of [MUTEX, "condition", "flag"]) region.remove(name);
				survivor.goOn();
			},
		};
	},
};

/** Waits in vain for a moment, with a survivor on the other side. */
function waiting(
	name: string,
	expected: string,
	wait: (region: Region, stage: VictimStage) => unknown,
): Operation {
	return {
		name,
		victim(stage) {
			const region = stage.open({ mode: "open" });
			return () => wait(region, stage);
		},
		survivor(stage): Survival {
			const survivor = stage.enter();
			const producer = survivor.region.queue(QUEUE, { capacity: "4KiB" }).producer();
			const held = survivor.region.mutex(MUTEX).lockSync();
			return {
				verify({ result, undisturbed }) {
					if (undisturbed) expectResult(result, expected);
					// Nobody is there to be woken, and that must do no harm.
					producer.trySend(TEXT);
					held.unlock();
					survivor.region.recover();
					survivor.region.remove(QUEUE);
					survivor.region.remove(MUTEX);
					survivor.goOn();
				},
			};
		},
	};
}

const wakes: Operation[] = [
	sending("send", TEXT, (region) => {
		const producer = region.queue(QUEUE).producer();
		return () => producer.sendSync(TEXT);
	}),
	sending("send what travels as a block", `${LARGE} bytes`, (region) => {
		const producer = region.queue(QUEUE).producer();
		return () => producer.sendSync(new Uint8Array(LARGE).fill(1));
	}),
	sending("hand over a block", TEXT, (region) => {
		const producer = region.queue(QUEUE).producer();
		return () => producer.sendSync(TEXT, { block: region.allocate(100_000) });
	}),
	sending("send many", TEXT, (region) => {
		const producer = region.queue(QUEUE).producer();
		return () => producer.sendMany([TEXT, TEXT, TEXT]);
	}),
	sending("end", "ended", (region) => {
		const producer = region.queue(QUEUE).producer();
		return () => producer.end();
	}),
	sending("send and leave", TEXT, (region) => () => {
		region.queue(QUEUE).producer().sendSync(TEXT);
		region.close();
	}),
	releasing,
	unlocking,
	notifying,
	waiting("receiveSync", "DHMEM_TIMEOUT", (region) =>
		region.queue(QUEUE).consumer().receiveSync({ timeout: 100 }),
	),
	waiting("receive", "done", (region, stage) => {
		region.queue(QUEUE).consumer().receive();
		stage.pause(20);
		region.close();
	}),
	waiting("lockSync", "DHMEM_TIMEOUT", (region) => region.mutex(MUTEX).lockSync({ timeout: 100 })),
];

/** All that are swept. */
export const swept: readonly Operation[] = [...files, ...nameOperations, ...memory, ...wakes];

/** These and what prepares for them. */
export const operations: readonly Operation[] = [...swept, dead, ...namePreparations];
