/** A receiver gets each record once and in order, whatever is lost when another server leads its consumer. */
import type { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Arrival } from "../../src/workflow/nats/assembler.js";
import { notesOf } from "../../src/workflow/nats/notes.js";
import { Subscriber } from "../../src/workflow/nats/subscriber.js";
import { PATIENCE, regionTest, within } from "../fixture/index.js";
import { SimulatedConsumers } from "./simulated-consumers.js";

// As with links, a receiver does not keep the process alive.
const alive = setInterval(() => {}, 1000);
test.after(() => clearInterval(alive));

const link = { from: { task: "a", port: "out" }, to: { task: "b", port: "in" }, policy: "block" } as const;

class Receiver {
	readonly #subscriber: Subscriber;
	readonly #held: Arrival[] = [];
	/** What has arrived, by the first byte of each message. */
	readonly values: (number | undefined)[] = [];
	#onMessage: () => void = () => {};

	constructor(region: Region, { session }: SimulatedConsumers) {
		const options = {
			region,
			run: "run",
			task: "b",
			link,
			isRun: false,
			log: () => {},
			session: async () => session,
			listener: async () => undefined,
			isPullOff: true,
			hold: () => () => {},
		};
		this.#subscriber = new Subscriber(options, notesOf(region, link), {
			onMessage: (arrival) => {
				this.values.push(arrival.data?.bytes[0]);
				this.#held.push(arrival);
				this.#onMessage();
			},
			onEnd: () => {},
			onFailure: (error) => {
				throw error;
			},
		});
	}

	/** Resolves when so many messages have arrived. */
	has(count: number): Promise<void> {
		const all = new Promise<void>((resolve) => {
			this.#onMessage = () => {
				if (this.values.length >= count) resolve();
			};
			this.#onMessage();
		});
		return within(PATIENCE, `${count} messages`, all);
	}

	release(): void {
		for (const arrival of this.#held.splice(0)) {
			arrival.data?.free();
			this.#subscriber.acknowledge(arrival);
		}
	}

	close(): Promise<void> {
		return this.#subscriber.close();
	}
}

regionTest(
	"a record that was lost on its way comes before those that were delivered after it",
	async (region) => {
		const stream = new SimulatedConsumers([0, 1, 2, 3, 4]);
		const receiver = new Receiver(region, stream);
		await stream.ready;
		stream.deliver(2);
		stream.deliver(1, true);
		stream.deliver(2);
		await receiver.has(5);
		assert.equal(receiver.values, [0, 1, 2, 3, 4]);
		assert.is(stream.count, 2);
		receiver.release();
		await receiver.close();
	},
);

regionTest("a new leader may deliver again what its predecessor has delivered", async (region) => {
	const stream = new SimulatedConsumers([0, 1, 2, 3]);
	const receiver = new Receiver(region, stream);
	await stream.ready;
	stream.deliver(3);
	stream.goBack(2);
	stream.deliver(3);
	await receiver.has(4);
	assert.equal(receiver.values, [0, 1, 2, 3]);
	assert.is(stream.count, 1);
	receiver.release();
	await receiver.close();
});

regionTest("a record that the stream has twice is received once", async (region) => {
	const stream = new SimulatedConsumers([0, 1, 2, 1, 2, 3]);
	const receiver = new Receiver(region, stream);
	await stream.ready;
	stream.deliver(6);
	await receiver.has(4);
	assert.equal(receiver.values, [0, 1, 2, 3]);
	assert.equal([...stream.gone], [4, 5], "the repetitions are acknowledged");
	receiver.release();
	await receiver.close();
});

regionTest("an acknowledgement that was lost is repeated when the record comes again", async (region) => {
	const stream = new SimulatedConsumers([0, 1, 2, 3]);
	const receiver = new Receiver(region, stream);
	await stream.ready;
	stream.deliver(2);
	await receiver.has(2);
	stream.losesAcknowledgements = true;
	receiver.release();
	assert.is(stream.gone.size, 0);
	stream.losesAcknowledgements = false;
	stream.deliver(1, true);
	stream.deliver(1);
	await receiver.has(4);
	assert.equal(receiver.values, [0, 1, 2, 3]);
	assert.equal([...stream.gone], [1, 2]);
	receiver.release();
	await receiver.close();
});

regionTest("what was released is not in the stream after the receiver has left", async (region) => {
	const stream = new SimulatedConsumers([0, 1]);
	const receiver = new Receiver(region, stream);
	await stream.ready;
	stream.deliver(2);
	await receiver.has(2);
	stream.losesAcknowledgements = true;
	receiver.release();
	await receiver.close();
	assert.equal([...stream.gone], [1, 2]);
});

test.run();
