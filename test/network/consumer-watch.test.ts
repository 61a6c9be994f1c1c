/** A receiver notices that another server leads its consumer, and begins again only then. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
	ConsumerWatch,
	type ConsumerWatchOptions,
	type Counts,
} from "../../src/workflow/nats/consumer-watch.js";
import { PATIENCE, within } from "../fixture/index.js";

const test = suite("consumer watch");

/** A watch that says what has happened. It looks at the consumer as often as that is quiet. */
class Watched {
	readonly watch: ConsumerWatch;
	readonly events: string[] = [];
	/** What the server says, each time that it is asked; the last one again and again. */
	readonly #answers: Partial<Counts>[];
	isWaiting = true;
	#onEvent: (() => void) | undefined;

	constructor(answers: Partial<Counts>[], options: Partial<ConsumerWatchOptions> = {}) {
		this.#answers = answers;
		this.watch = new ConsumerWatch({
			counts: async () => {
				this.#happen("asked");
				const answer = this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0];
				const { pending = 0, unacknowledged = 0 } = answer ?? {};
				return { stored: pending + unacknowledged, pending, unacknowledged, ...answer };
			},
			held: () => 1,
			isWaiting: () => this.isWaiting,
			onConfirmed: () => this.#happen("confirmed"),
			onLost: () => this.#happen("lost"),
			quiet: 1,
			again: Number.POSITIVE_INFINITY,
			grace: 1,
			...options,
		});
	}

	#happen(what: string): void {
		this.events.push(what);
		this.#onEvent?.();
	}

	/** Resolves when so many things have happened. */
	async until(count: number): Promise<void> {
		// The timers of a watch do not keep a process alive.
		const alive = setInterval(() => {}, 1000);
		try {
			await within(
				PATIENCE,
				`${count} events`,
				new Promise<void>((resolve) => {
					this.#onEvent = () => {
						if (this.events.length >= count) resolve();
					};
					this.#onEvent();
				}),
			);
		} finally {
			clearInterval(alive);
		}
	}

	[Symbol.dispose](): void {
		this.watch.stop();
	}
}

test("after a message, the consumer is asked once whether it waits for what is held here", async () => {
	using watched = new Watched([{ unacknowledged: 1 }]);
	watched.watch.note();
	await watched.until(2);
	watched.watch.note();
	await watched.until(4);
	assert.equal(watched.events, ["asked", "confirmed", "asked", "confirmed"]);
});

test("an acknowledgement that was lost is noticed", async () => {
	using watched = new Watched([{ unacknowledged: 2 }, { unacknowledged: 1 }]);
	watched.watch.note();
	await watched.until(4);
	assert.equal(watched.events, ["asked", "lost", "asked", "confirmed"]);
});

test("messages that do not come are noticed", async () => {
	using watched = new Watched([{ pending: 3 }, {}]);
	watched.watch.note();
	await watched.until(4);
	assert.equal(watched.events, ["asked", "lost", "asked", "confirmed"]);
});

test("a consumer that says that nothing is left, while the stream has records, is noticed", async () => {
	using watched = new Watched([{ stored: 3 }, {}]);
	watched.watch.note();
	await watched.until(4);
	assert.equal(watched.events, ["asked", "lost", "asked", "confirmed"]);
});

test("a consumer that brings nothing is looked at again now and then", async () => {
	using watched = new Watched([{}, {}, { stored: 3 }, {}], { again: 3 });
	await watched.until(6);
	assert.equal(watched.events, ["asked", "confirmed", "asked", "confirmed", "asked", "lost"]);
});

test("a server that counts in another way is not asked for ever", async () => {
	using watched = new Watched([{ unacknowledged: 2 }, { unacknowledged: 2 }, {}]);
	watched.watch.note();
	await watched.until(3);
	watched.watch.note();
	await watched.until(5);
	assert.equal(watched.events, ["asked", "lost", "asked", "asked", "confirmed"]);
});

test("a silent server has lost something, unless a message comes or nobody waits", async () => {
	using watched = new Watched([{}], { quiet: 1e6, grace: 1 });
	watched.watch.suspect();
	watched.watch.hear();
	watched.isWaiting = false;
	watched.watch.suspect();
	watched.watch.note();
	watched.isWaiting = true;
	watched.watch.suspect();
	await watched.until(1);
	assert.equal(watched.events, ["lost"]);
});

test.run();
