/** Waiting and waking. */
import type { Message, Region } from "dhmem";
import * as assert from "uvu/assert";
import { expectResult, MUTEX, QUEUE } from "./expected.js";
import { litterAmong, noticed, type Operation, PATIENCE, type Survival, settled } from "./operation.js";
import type { VictimStage } from "./victim-stage.js";

const TEXT = "wake up";

const LARGE = 2_000_000;

function textOf(message: Message | undefined): string {
	if (message === undefined) return "ended";
	const text = message.bytes[0] === 1 ? `${message.length} bytes` : message.text();
	message.release();
	return text;
}

/** Sends to a sleeping consumer: it gets what was sent, or learns that the producer is gone. */
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

/** Makes room for a sleeping producer, whose messages are all there, in order. */
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
					// There is nobody to wake, which must do no harm.
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

/** The recoverer removes the dead participant's pipe. */
const recovering: Operation = {
	name: "recover from somebody who slept on a pipe",
	victim(stage) {
		const region = stage.open({ mode: "open" });
		stage.perish(() => {
			stage.open({ mode: "open" }).queue(QUEUE).consumer().receive();
		});
		return () => region.recover();
	},
	survivor(stage): Survival {
		const survivor = stage.enter();
		survivor.region.queue(QUEUE, { capacity: "4KiB" });
		return {
			verify({ undisturbed }) {
				if (undisturbed) assert.equal(litterAmong(stage.names()), [], "a pipe is left");
				survivor.region.recover();
				survivor.region.remove(QUEUE);
				survivor.goOn();
			},
		};
	},
};

export const wakes: Operation[] = [
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
	recovering,
	waiting("lockSync", "DHMEM_TIMEOUT", (region) => region.mutex(MUTEX).lockSync({ timeout: 100 })),
];
