/** An input of several links: concurrent receives, loops that are left, ends, and the order of waits. */
import { getEventListeners } from "node:events";
import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { type Consumer, type Message, type Producer, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Input } from "../../src/workflow/input.js";
import {
	codeOfLater,
	errorOf,
	PATIENCE,
	processorTime,
	randomFrom,
	regionTest,
	within,
} from "../fixture/index.js";
import { Tasks } from "./tasks.js";

/** Without a timeout, because a receive that times out looks once more, and would find what it has missed. */
function soon<T>(promise: Promise<T>): Promise<T> {
	return within(PATIENCE, "what is expected", promise);
}

interface Stage {
	readonly input: Input;
	readonly consumers: Consumer[];
	readonly producers: Producer[];
}

function inputOf(region: Region, links: number, signal = new AbortController().signal): Stage {
	const queues = Array.from({ length: links }, (_, i) => region.queue(`link ${i}`));
	const consumers = queues.map((queue) => queue.consumer({ patient: true }));
	return {
		input: new Input("in", consumers, signal),
		consumers,
		producers: queues.map((queue) => queue.producer()),
	};
}

regionTest("pending receives get one message each, in order", async (region) => {
	const { input, producers } = inputOf(region, 2);
	const waits = Array.from({ length: 20 }, async () => {
		using message = await soon(input.receive());
		return message?.text();
	});
	await turn();
	for (let i = 0; i < 20; i++) {
		await producers[i % 2]?.send(`${i}`);
		if (i % 3 === 0) await turn();
	}
	const texts = (await soon(Promise.all(waits))).map(Number);
	for (const side of [0, 1]) {
		const own = texts.filter((text) => text % 2 === side);
		assert.equal(
			own,
			Array.from({ length: 10 }, (_, i) => 2 * i + side),
		);
	}
});

regionTest("very many receives are served in time that grows with their number alone", async (region) => {
	const { input, producers } = inputOf(region, 2);
	const serve = async (count: number) => {
		const waits = Array.from({ length: count }, async () => (await input.receive())?.release());
		return processorTime(async () => {
			for (let i = 0; i < count; i++) await producers[i % 2]?.send("x");
			await soon(Promise.all(waits));
		});
	};
	await serve(500);
	const few = await serve(500);
	const many = await serve(10_000);
	// Quadratic time would be 400 times as long.
	assert.ok(many < 120 * few + 500, `${few} ms for a twentieth, ${many} ms for all`);
});

regionTest(
	"a message that a left loop gives back is received again, although the first link has ended",
	async (region) => {
		const { input, producers } = inputOf(region, 2);
		producers[0]?.end();
		const left = input[Symbol.asyncIterator]();
		const waiting = left.next();
		const next = input.receive();
		await turn();
		await left.return?.();
		await producers[1]?.send("a");
		assert.is((await soon(waiting)).done, true);
		assert.is((await soon(next))?.text(), "a");
		producers[1]?.end();
		assert.is(await soon(input.receive()), undefined);
	},
);

regionTest(
	"what a left loop gives back is received, though the link that it came from has ended",
	async (region) => {
		const { input, producers } = inputOf(region, 2);
		const left = input[Symbol.asyncIterator]();
		const waits = [left.next(), input.receive(), input.receive()];
		await turn();
		await left.return?.();
		producers[0]?.trySend("a");
		producers[0]?.end();
		assert.is(((await waits[0]) as IteratorResult<Message>).done, true);
		assert.is(((await soon(waits[1] as Promise<Message>)) as Message).text(), "a");
		producers[1]?.end();
		assert.is(await soon(waits[2] as Promise<unknown>), undefined);
		assert.ok(input.ended);
	},
);

for (const links of [1, 2]) {
	regionTest(
		`messages that several left loops give back keep their order, with links: ${links}`,
		async (region) => {
			const { input, producers } = inputOf(region, links);
			const loops = Array.from({ length: 4 }, () => input[Symbol.asyncIterator]());
			const waits = loops.map((loop) => loop.next());
			await turn();
			for (const loop of loops) await loop.return?.();
			const sent = ["a", "b", "c", "d", "e"];
			producers[0]?.sendMany(sent);
			for (const wait of waits) assert.is((await soon(wait)).done, true);
			const texts = [];
			for (const _ of sent) texts.push((await soon(input.receive()))?.text());
			assert.equal(texts, sent);
		},
	);
}

regionTest("a message that no receive waits for stays in its queue", async (region) => {
	const first = region.queue("first");
	const newest = region.queue("newest", { policy: "latest" });
	const consumers = [first, newest].map((queue) => queue.consumer());
	const input = new Input("in", consumers, new AbortController().signal);
	const producers = [first.producer(), newest.producer()];
	const waiting = input.receive();
	await turn();
	producers[0]?.trySend("a");
	producers[1]?.trySend("old");
	assert.is((await soon(waiting))?.text(), "a");
	producers[1]?.trySend("new");
	assert.is((await soon(input.receive()))?.text(), "new");
	assert.is(input.tryReceive(), undefined);
});

regionTest("many receives with signals of their own take one listener of the task's", async (region) => {
	const aborter = new AbortController();
	const listeners = () => getEventListeners(aborter.signal, "abort").length;
	const { input } = inputOf(region, 2, aborter.signal);
	const single = new Input("one", [region.queue("one").consumer()], aborter.signal);
	const reason = new Error("enough");
	const waits = [input, single].flatMap((each) =>
		Array.from({ length: 20 }, () => each.receive({ signal: new AbortController().signal })),
	);
	await turn();
	assert.is(listeners(), 1);
	aborter.abort(reason);
	for (const wait of waits) assert.is(await wait.catch((error) => error), reason);
	assert.is(listeners(), 0);
});

regionTest(
	"each of many receives has its own timeout and signal, and the others keep their turn",
	async (region) => {
		const { input, producers } = inputOf(region, 3);
		const aborter = new AbortController();
		const waits = Array.from({ length: 30 }, (_, i) =>
			input.receive([{}, { timeout: 1 }, { signal: aborter.signal }][i % 3]),
		);
		const outcomes = waits.map((wait) =>
			wait.then(
				(message) => message?.text(),
				(error) => error.code ?? error,
			),
		);
		await Promise.all(outcomes.filter((_, i) => i % 3 === 1));
		aborter.abort("enough");
		await Promise.all(outcomes.filter((_, i) => i % 3 === 2));
		for (let i = 0; i < 10; i++) {
			producers[i % 3]?.trySend(`${i}`);
			// Messages of several links that wait at once have no order among them.
			await soon(outcomes[3 * i] as Promise<unknown>);
		}
		assert.equal(
			await soon(Promise.all(outcomes)),
			Array.from({ length: 30 }, (_, i) => [`${i / 3}`, "DHMEM_TIMEOUT", "enough"][i % 3]),
		);
	},
);

regionTest("closing rejects all pending and all later receives", async (region) => {
	const { input } = inputOf(region, 2);
	const waits = Array.from({ length: 30 }, () => codeOfLater(input.receive()));
	await turn();
	input.close();
	for (const wait of waits) assert.is(await wait, "DHMEM_CLOSED");
	assert.is(await codeOfLater(input.receive()), "DHMEM_CLOSED");
});

regionTest("a link that is removed leaves the others, and is an error at their end", async (region) => {
	const { input, producers } = inputOf(region, 3);
	const waits = Array.from({ length: 4 }, () => input.receive());
	await turn();
	region.remove("link 1");
	producers[0]?.sendSync("first");
	producers[0]?.end();
	producers[2]?.sendSync("second");
	assert.is((await soon(waits[0] as Promise<Message>)).text(), "first");
	assert.is((await soon(waits[1] as Promise<Message>)).text(), "second");
	producers[2]?.end();
	for (const wait of waits.slice(2)) assert.is(await codeOfLater(wait), "DHMEM_CLOSED");
	assert.not(input.ended);
	assert.is(await codeOfLater(input.receive()), "DHMEM_CLOSED");
	assert.is(errorOf(() => input.tryReceive()).code, "DHMEM_CLOSED");
});

regionTest("a link that is removed while nothing waits leaves the others", async (region) => {
	const { input, producers } = inputOf(region, 2);
	region.remove("link 0");
	assert.is(input.tryReceive(), undefined);
	const wait = input.receive();
	await turn();
	producers[1]?.sendSync("text");
	assert.is((await soon(wait))?.text(), "text");
	const last = codeOfLater(input.receive());
	await turn();
	region.remove("link 1");
	assert.is(await last, "DHMEM_CLOSED");
});

regionTest(
	"waits at the links are counted once when the message of one of them is the last one wanted",
	async (region) => {
		const { input, producers } = inputOf(region, 2);
		for (const producer of producers) producer.close();
		// Another participant, which has to ring.
		using other = Region.open(region.name);
		const sender = other.queue("link 0").producer();
		for (const text of ["one", "two", "three", "four"]) {
			const wait = input.receive();
			// A time slice of the waits ends, so they are begun anew.
			await delay(150);
			sender.trySend(text);
			using message = await soon(wait);
			assert.is(message?.text(), text);
		}
	},
);

regionTest("a loop over links that are never empty lets timers run", async (region) => {
	const { input, producers } = inputOf(region, 2);
	for (const producer of producers) producer.trySend("x");
	let fired = false;
	const timer = setTimeout(() => {
		fired = true;
	}, 1);
	const end = performance.now() + PATIENCE;
	for await (const message of input) {
		message.release();
		if (fired || performance.now() > end) break;
		for (const producer of producers) producer.trySend("x");
	}
	clearTimeout(timer);
	assert.ok(fired);
});

test("a producer that is restarted goes on where it was, among others", async () => {
	using tasks = new Tasks(["a.out>sum.in", "b.out>sum.in"]);
	const input = tasks.get("sum").input("in");
	const texts: (string | undefined)[] = [];
	for (const round of ["one", "two", "three"]) {
		const waits = [input.receive(), input.receive()];
		await turn();
		for (const name of ["a", "b"]) await tasks.get(name).output("out").send(`${round} ${name}`);
		for (const wait of waits) {
			using message = await soon(wait);
			texts.push(message?.text());
		}
		tasks.leave("a");
	}
	assert.equal(texts.sort(), ["one", "two", "three"].flatMap((round) => [`${round} a`, `${round} b`]).sort());
});

for (const loops of [false, true]) {
	regionTest(
		`random flows get every message once${loops ? ", left loops among them" : " and in order"}`,
		async (region) => {
			for (let seed = 1; seed <= 30; seed++) await play(region, seed, loops);
		},
	);
}

/** Random sends, receives, aborts, loops that are left, and restarts. */
async function play(region: Region, seed: number, withLoops: boolean): Promise<void> {
	const random = randomFrom(seed);
	const links = 1 + random(3);
	const { input, producers } = inputOf(region, links);
	const sent = new Array<number>(links).fill(0);
	/** What each receive got, in the order of the calls. */
	const received: (string | undefined)[] = [];
	const pending = new Map<number, { aborter: AbortController; done: Promise<void> }>();
	const keep = (call: number, message: Message | undefined) => {
		received[call] = message?.text();
		message?.release();
	};
	const receive = () => {
		const call = received.push(undefined) - 1;
		const aborter = new AbortController();
		const done = input
			.receive({ signal: aborter.signal })
			.then((message) => keep(call, message))
			.catch((error) => assert.is(error, "enough"))
			.finally(() => pending.delete(call));
		pending.set(call, { aborter, done });
	};
	const actions = [
		() => {
			const link = random(links);
			producers[link]?.trySend(`${link} ${sent[link]}`);
			sent[link] = (sent[link] ?? 0) + 1;
		},
		receive,
		() => [...pending.values()][random(pending.size || 1)]?.aborter.abort("enough"),
		() => {
			// It may overtake a receive that waits.
			if (!withLoops && pending.size > 0) return;
			keep(received.push(undefined) - 1, input.tryReceive());
		},
		() => {
			const link = random(links);
			producers[link]?.close();
			producers[link] = region.queue(`link ${link}`).producer();
		},
		() => {
			if (!withLoops) return;
			const loop = input[Symbol.asyncIterator]();
			void loop.next();
			void loop.return?.();
		},
		turn,
		turn,
	];
	for (let step = 0; step < 60; step++) await actions[random(actions.length)]?.();
	for (const producer of producers) producer.end();
	// The waiting receives get what there is, and then the end.
	while (!input.ended) {
		receive();
		await turn();
	}
	await soon(Promise.all(Array.from(pending.values(), ({ done }) => done)));
	const got = received.filter((text) => text !== undefined);
	const all = sent.flatMap((count, link) => Array.from({ length: count }, (_, i) => `${link} ${i}`));
	assert.equal([...got].sort(), [...all].sort(), `seed ${seed}`);
	if (!withLoops) {
		const inOrder = sent.flatMap((_, link) => got.filter((text) => text?.startsWith(`${link} `)));
		assert.equal(inOrder, all, `seed ${seed}`);
	}
	input.close();
	for (const producer of producers) producer.close();
}

test.run();
