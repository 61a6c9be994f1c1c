/** Which waits the runner names, given how the links look over time. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type LinkSnapshot, readLinks, StuckLinks } from "../../src/workflow/stuck.js";
import { PATIENCE, until } from "../fixture/index.js";
import { Tasks } from "./tasks.js";

const full = {
	capacity: 4096,
	sent: 4,
	received: 0,
	dropped: 0,
	depth: 4,
	bytes: 4000,
	sending: 1,
	receiving: 0,
	polling: 0,
};
const circle: LinkSnapshot[] = [
	{ name: "a.x>b.x", from: "a", to: "b", ...full },
	{ name: "b.x>c.x", from: "b", to: "c", ...full },
	{ name: "c.x>a.x", from: "c", to: "a", ...full },
	{ name: "c.y>d.y", from: "c", to: "d", ...full, depth: 0, sending: 0, receiving: 1 },
];

test("a circle of links that makes no progress is named once, without other links", () => {
	const stuck = new StuckLinks();
	assert.equal(stuck.update(circle, 0), []);
	assert.equal(stuck.update(circle, 4999), []);
	const [message = ""] = stuck.update(circle, 5000);
	assert.match(message, "a → b → c → a");
	assert.not.match(message, "d.y");
	assert.equal(stuck.update(circle, 6000), []);
});

for (const [what, change] of [
	["moves", { received: 1 }],
	["has nobody who waits", { sending: 0 }],
] as const) {
	test(`a circle in which one link ${what} is not stuck`, () => {
		const stuck = new StuckLinks();
		stuck.update(circle, 0);
		const changed = circle.map((link, i) => (i === 1 ? { ...link, ...change } : link));
		assert.equal(stuck.update(changed, 5000), []);
		assert.equal(stuck.update(changed, 9999), []);
	});
}

for (const [what, change, message] of [
	["sends to a task that has finished", { sending: 1 }, "a waits for room in a.x>b.x"],
	["waits for a task that has finished", { depth: 0, receiving: 1 }, "b waits for a message of a.x>b.x"],
] as const) {
	test(`a task that ${what} is named`, () => {
		const stuck = new StuckLinks();
		const links = [{ ...(circle[0] as LinkSnapshot), sending: 0, ...change }];
		const other = new Set(["c"]);
		for (const now of [0, 5000, 10_000]) assert.equal(stuck.update(links, now, other), []);
		const [text = ""] = stuck.update(links, 11_000, new Set(["a", "b"]));
		assert.match(text, message);
	});
}

test("a task that waits for a finished and for a running task is not stuck", () => {
	const stuck = new StuckLinks();
	const waiting = { ...(circle[0] as LinkSnapshot), depth: 0, sending: 0, receiving: 1 };
	const links = [waiting, { ...waiting, name: "c.x>b.x", from: "c" }];
	for (const now of [0, 10_000]) assert.equal(stuck.update(links, now, new Set(["a"])), []);
	assert.is(stuck.update(links, 11_000, new Set(["a", "c"])).length, 2);
});

test("a task that waits for a finished task, and works on messages from another, is not stuck", () => {
	const stuck = new StuckLinks();
	const waiting = { ...(circle[0] as LinkSnapshot), depth: 0, sending: 0, receiving: 1 };
	const other = { ...waiting, name: "c.x>b.x", from: "c", depth: 1, receiving: 0 };
	for (const received of [1, 2, 3, 4]) {
		assert.equal(stuck.update([waiting, { ...other, received }], 4000 * received, new Set(["a"])), []);
	}
	// It has not been asking for the next message for long.
	assert.is(stuck.update([waiting, { ...other, received: 4 }], 21_000, new Set(["a"])).length, 1);
});

test("a task that waits for a finished one, and works on what another finished one has sent, is not stuck", () => {
	const stuck = new StuckLinks();
	const finished = new Set(["a", "c"]);
	const waiting = { ...(circle[0] as LinkSnapshot), depth: 0, sending: 0, receiving: 1 };
	const other = { ...waiting, name: "c.x>b.x", from: "c", sent: 9, receiving: 0 };
	for (let received = 1; received < 9; received++) {
		const links = [waiting, { ...other, received, depth: 9 - received }];
		assert.equal(stuck.update(links, 1000 * received, finished), []);
	}
});

test("a task that waits for a finished one, and polls another link, is not stuck", () => {
	const stuck = new StuckLinks();
	const waiting = { ...(circle[0] as LinkSnapshot), depth: 0, sending: 0, receiving: 1 };
	const polled = { ...waiting, name: "c.x>b.x", from: "c", receiving: 0, polling: 1 };
	const finished = new Set(["a", "c"]);
	for (const now of [0, 4000, 20_000]) assert.equal(stuck.update([waiting, polled], now, finished), []);
	// It may be between two polls.
	const between = [waiting, { ...polled, polling: 0 }];
	assert.equal(stuck.update(between, 24_000, finished), []);
	assert.is(stuck.update(between, 25_000, finished).length, 1);
});

for (const [what, own] of [
	["timeout", { timeout: PATIENCE }],
	["signal", { signal: new AbortController().signal }],
] as const) {
	test(`a task that waits with a ${what} of its own is not stuck`, async () => {
		using tasks = new Tasks(["a.x>b.x", "a.y>b.y", "c.y>b.y", "a.z>b.z;capacity=64"]);
		const { region } = tasks.get("a");
		const output = tasks.get("a").output("z");
		const consumer = tasks.get("b");
		const bytes = new Uint8Array(40);
		await output.send(bytes);
		const waits = ["x", "y"].map((name) => consumer.input(name).receive(own));
		waits.push(output.send(bytes, own).then(() => undefined));
		for (const wait of waits) wait.catch(() => {});
		const sum = (count: "polling" | "receiving" | "sending") =>
			readLinks(region).reduce((total, link) => total + link[count], 0);
		await until(() => sum("polling") === 3);
		assert.is(sum("receiving") + sum("sending"), 0);

		// `task.signal` ends every wait, so it is no signal of their own.
		for (const name of ["x", "y"]) waits.push(consumer.input(name).receive({ signal: consumer.signal }));
		waits.push(output.send(bytes).then(() => undefined));
		for (const wait of waits) wait.catch(() => {});
		await until(() => sum("receiving") > 0 && sum("sending") === 1);
	});
}

const link = { ...(circle[0] as LinkSnapshot), depth: 0, sending: 0 };

test("tasks that wait for each other's messages are idle, unless another one waits for room", () => {
	const idle = [
		{ ...link, name: "a.x>b.x", from: "a", to: "b", receiving: 1 },
		{ ...link, name: "b.x>a.x", from: "b", to: "a", receiving: 1 },
	];
	const stuck = new StuckLinks();
	for (const now of [0, 5000]) assert.equal(stuck.update(idle, now), []);
	const sends = { ...link, name: "c.y>a.y", from: "c", to: "a", sending: 1, depth: 4 };
	assert.equal(stuck.update([...idle, sends], 6000), []);
	const [message = "", ...others] = stuck.update([...idle, sends], 11_000);
	assert.match(message, "deadlock: c → a → b → a. c waits for room in c.y>a.y");
	assert.match(message, "a waits for a message of b.x>a.x; b waits for a message of a.x>b.x");
	assert.equal(others, []);
});

test("a circle that a task outside of it may open is not stuck", () => {
	const more = { ...link, name: "d.z>b.z", from: "d", to: "b", receiving: 1 };
	const stuck = new StuckLinks();
	for (const now of [0, 5000]) assert.equal(stuck.update([...circle.slice(0, 3), more], now), []);
	// Now one more task waits for the circle.
	const waits = { ...link, name: "a.z>d.z", from: "a", to: "d", receiving: 1 };
	stuck.update([...circle.slice(0, 3), more, waits], 6000);
	assert.is(stuck.update([...circle.slice(0, 3), more, waits], 11_000).length, 1);
});

test("an input of several links counts a receive without a limit that begins behind one with a limit", async () => {
	using tasks = new Tasks(["a.y>b.y", "c.y>b.y"]);
	const input = tasks.get("b").input("y");
	const { region } = tasks.get("b");
	const counts = () => readLinks(region).map(({ polling, receiving }) => [polling, receiving]);
	const first = new AbortController();
	const waits = [input.receive({ signal: first.signal })];
	await until(() => counts().flat().join() === "1,0,1,0");
	waits.push(input.receive());
	await until(() => counts().flat().join() === "0,1,0,1");
	first.abort();
	// Now the last task without a limit gets its message.
	await tasks.get("a").output("y").send("text");
	waits.push(input.receive({ timeout: PATIENCE }));
	for (const wait of waits) wait.catch(() => {});
	await waits[1];
	await until(() => counts().flat().join() === "1,0,1,0");
});

test("a line of full links is not stuck", () => {
	const stuck = new StuckLinks();
	const line = circle.filter(({ name }) => name !== "c.x>a.x");
	for (const now of [0, 10_000, 20_000]) assert.equal(stuck.update(line, now), []);
});

test.run();
