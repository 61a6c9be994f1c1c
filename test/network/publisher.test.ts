/** A sender's records arrive in order and each once, in whatever order a server does things. */
import { setImmediate } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { namesOf } from "../../src/workflow/nats/names.js";
import type { Parcel } from "../../src/workflow/nats/parcel.js";
import { Pending } from "../../src/workflow/nats/pending.js";
import { Publisher } from "../../src/workflow/nats/publisher.js";
import { Refusal } from "../../src/workflow/nats/refusal.js";
import { count, PATIENCE, randomFrom } from "../fixture/index.js";
import { type Pick, SimulatedClient, SimulatedServer } from "./simulated-server.js";

const test = suite("publishers");

const ROOM = 12;
const EVENTS = 150;

interface Sent {
	readonly text: string;
	readonly parcel: Parcel;
	outcome: "open" | "stored" | "withdrawn" | "failed";
}

/** One sender of a link. */
class Sender {
	readonly client: SimulatedClient;
	readonly sent: Sent[] = [];
	readonly #name: string;
	readonly #server: SimulatedServer;
	readonly #publisher: Publisher;

	/** @param isOvertaken true if its predecessor lets the stream admit its own records after this one did */
	constructor(name: string, server: SimulatedServer, isOvertaken: boolean, marks = true) {
		this.#name = name;
		this.#server = server;
		this.client = new SimulatedClient(server);
		const epoch = ++server.epoch;
		const names = namesOf("run", { from: { task: "a", port: "out" }, to: { task: "b", port: "in" } });
		server.subjects = [`${names.subject}.${epoch === 1 ? "*" : isOvertaken ? epoch - 1 : epoch}.*`];
		this.#publisher = new Publisher({
			session: this.client.session,
			names,
			last: server.records.length,
			limit: server.isCluster ? server.limit : -1,
			isReplicated: server.isCluster,
			epoch,
			hasPredecessor: marks && epoch > 1,
			currentEpoch: () => server.ask(() => server.epoch),
			onFull: () => {},
			onFenced: () => {},
		});
	}

	/** Sends a message of one record, or of several. */
	send(pick: Pick): void {
		const text = `${this.#name}${this.sent.length}`;
		const pieces = pick(3) === 0 ? 2 + pick(2) : 1;
		const payload = (part: number) => Buffer.from(`${text} ${part + 1}/${pieces}`);
		const parcel: Parcel = {
			records: Array.from({ length: pieces }, (_, part) => ({
				kind: pieces === 1 ? "whole" : part === 0 ? "first" : "more",
				payload: payload(part),
			})),
			onSettled: (error) => {
				if (error === undefined)
					assert.is(
						this.#server.records[(parcel.first ?? 0) - 1]?.text,
						`${payload(0)}`,
						`${text} has its place`,
					);
				assert.is(sent.outcome, "open", `${text} is settled once`);
				if (error === undefined) sent.outcome = "stored";
				else sent.outcome = parcel.withdrawn ? "withdrawn" : "failed";
			},
		};
		const sent: Sent = { text, parcel, outcome: "open" };
		this.sent.push(sent);
		this.#publisher.send(parcel);
	}

	withdraw(pick: Pick): void {
		const open = this.sent.filter(({ outcome, parcel }) => outcome === "open" && parcel.withdrawn !== true);
		const chosen = open[pick(open.length)];
		if (chosen !== undefined) this.#publisher.withdraw(chosen.parcel);
	}

	get isBusy(): boolean {
		return this.#publisher.isBusy;
	}

	stop(): void {
		this.#publisher.stop(new Error("stopped"));
	}
}

/** The messages that a receiver puts together. */
function received({ records }: SimulatedServer): string[] {
	const texts: string[] = [];
	let newest = 0;
	let pieces: string[] = [];
	for (const { kind, text, header } of records) {
		const epoch = Number(header.get("Dhmem-Epoch"));
		if (epoch < newest) continue;
		newest = epoch;
		if (kind === "more" && (pieces.length === 0 || text === "")) continue;
		if (kind !== "more") pieces = [];
		pieces.push(text);
		const [name = "", part = ""] = text.split(" ");
		const [at, of] = part.split("/").map(Number);
		assert.is(at, pieces.length, `${text} follows its predecessor`);
		if (at !== of) continue;
		texts.push(name);
		pieces = [];
	}
	return texts;
}

interface Rates {
	/** How often, in percent, connections are lost, questions asked, and senders replaced. */
	readonly lose: number;
	readonly ask: number;
	readonly replace: number;
	/** How often, in percent, the leader of a cluster dies; undefined for a server that is alone. */
	readonly lead?: number;
	/** False if successors publish no mark: a fault that must be found. */
	readonly marks?: boolean;
}

async function tryOnce(pick: Pick, rates: Rates): Promise<void> {
	const server = new SimulatedServer(ROOM, rates.lead !== undefined);
	const senders = [new Sender("a", server, false)];
	const last = () => senders.at(-1) as Sender;
	const happens = (percent: number) => pick(100) < percent;
	const release = () => {
		const first = server.records.find(({ isReleased }) => !isReleased);
		if (first !== undefined) first.isReleased = true;
	};
	for (let i = 0; i < EVENTS; i++) {
		const sender = senders[pick(senders.length)] as Sender;
		if (happens(server.isCluster ? 60 : 30)) sender.send(pick);
		if (happens(10)) sender.withdraw(pick);
		if (happens(rates.lose)) sender.client.reconnect();
		if (happens(rates.ask)) sender.client.lookAgain();
		if (happens(rates.lead ?? 0)) server.changeLeader(pick);
		if (happens(rates.replace) && senders.length < 4)
			senders.push(new Sender("abcd"[senders.length] ?? "", server, happens(20), rates.marks));
		if (happens(30)) release();
		if (happens(20)) sender.client.hint();
		for (let steps = pick(4); steps > 0; steps--) server.step(pick);
		await setImmediate();
	}
	// As after a silence: answers of a leader that has died don't come.
	if (server.isCluster) for (const { client } of senders) client.lookAgain();
	const deadline = performance.now() + PATIENCE;
	while (last().isBusy) {
		assert.ok(performance.now() < deadline, "everything is stored at last");
		release();
		for (const { client } of senders) client.hint();
		server.step(pick);
		await setImmediate();
	}
	for (const sender of senders) sender.stop();
	assert.not(
		server.records.some(({ isDropped }) => isDropped),
		"the server drops nothing",
	);
	const sent = senders.flatMap((sender) => sender.sent);
	if (rates.replace === 0)
		assert.not(
			sent.some(({ outcome }) => outcome === "failed"),
			"no send fails",
		);
	const texts = received(server);
	assert.equal(texts, [...new Set(texts)], "each comes once");
	const stored = sent.filter(({ outcome }) => outcome === "stored").map(({ text }) => text);
	assert.equal(
		stored.filter((text) => !texts.includes(text)),
		[],
		"what counts as stored has come",
	);
	const order = sent.map(({ text }) => text);
	assert.equal(
		texts.map((text) => order.indexOf(text)),
		texts.map((text) => order.indexOf(text)).sort((a, b) => a - b),
		"all come in order",
	);
}

const rows = {
	"a quiet server": { lose: 0, ask: 0, replace: 0 },
	"questions that overtake what was sent before": { lose: 0, ask: 10, replace: 0 },
	"lost connections, whose rest is handled later": { lose: 8, ask: 0, replace: 0 },
	"senders that are replaced and don't know it yet": { lose: 0, ask: 0, replace: 3 },
	"all of that": { lose: 5, ask: 5, replace: 2 },
	"a cluster": { lose: 0, ask: 0, replace: 0, lead: 0 },
	"a cluster whose leaders die": { lose: 0, ask: 5, replace: 0, lead: 3 },
	"a cluster with all of that": { lose: 5, ask: 5, replace: 2, lead: 2 },
};
for (const [what, rates] of Object.entries(rows)) {
	test(`messages arrive in order, each once, with ${what}`, async () => {
		for (let seed = 1; seed <= count(20, 100); seed++) {
			try {
				await tryOnce(randomFrom(seed), rates);
			} catch (error) {
				throw new Error(`with seed ${seed}: ${error}`, { cause: error });
			}
		}
	});
}

test("what was refused may arrive nevertheless if an older copy of it may", () => {
	for (const isReplicated of [false, true]) {
		const pending = new Pending();
		for (let i = 0; i < 4; i++)
			pending.add({ records: [{ kind: "whole", payload: new Uint8Array(1) }], onSettled: () => {} });
		// The second was first sent over a connection that was lost.
		for (let i = 0; i < 4; i++)
			Object.assign(pending.at(i) ?? {}, { sentBy: i === 1 ? 0 : 1, copies: i === 2 ? 2 : 1 });
		pending.noteRefused(pending.slice(1, 4), 1, isReplicated);
		assert.equal(
			Array.from({ length: 4 }, (_, i) => pending.at(i)?.sentBy !== undefined),
			[true, true, isReplicated, false],
		);
	}
});

test("a record counts as refused only when its own answer says so", async () => {
	const pending = new Pending();
	for (let i = 0; i < 4; i++)
		pending.add({ records: [{ kind: "whole", payload: new Uint8Array(1) }], onSettled: () => {} });
	const refusal = new Refusal(3, 11, pending.slice(1, 4));
	refusal.take(3, 11, false);
	// Of another round, and of records that are not among these.
	for (const [round, position] of [
		[2, 12],
		[3, 10],
		[3, 14],
	] as const)
		refusal.take(round, position, false);
	refusal.take(3, 13, false);
	let isAnswered = false;
	void refusal.answered.then(() => {
		isAnswered = true;
	});
	await setImmediate();
	assert.not(isAnswered);
	refusal.take(3, 12, true);
	await refusal.answered;
	assert.equal(
		refusal.refused.map(({ number }) => number),
		[1, 3],
	);
});

test("a successor that publishes no mark loses messages, which this test finds", async () => {
	for (let seed = 1; seed <= 1000; seed++) {
		const rates = { ...rows["all of that"], replace: 5, marks: false };
		const error: unknown = await tryOnce(randomFrom(seed), rates).catch((error) => error);
		if (error !== undefined) return;
	}
	assert.unreachable("no seed found it");
});

test.run();
