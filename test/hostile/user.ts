/**
 * A process that uses everything in a region while another process overwrites it. Whatever it throws must be a
 * DhmemError, whatever has a timeout must return, and nothing of its own may change.
 *
 * Arguments: folder, region, seed, a file for the name of the current operation, and "read-only", "read-write" or, to
 * check that this is found, "faulty", "crashing" or "hanging". It prints what
 * it has found, line by line, when it is told to stop.
 */
import { openSync, writeSync } from "node:fs";
import { type Block, DhmemError, type Message, Region, type SharedMap } from "dhmem";
import { randomFrom, type Scenario, serve } from "../fixture/index.js";

/** Milliseconds of a wait, and after which a wait is too late on a machine however busy. */
const TIMEOUT = 20;
const TOO_LATE = 30_000;

export interface Findings {
	operations: number;
	openings: number;
	/** How often each error code came, or each operation returned. */
	codes: Record<string, number>;
	longest: { milliseconds: number; operation: string };
	failures: string[];
}

type Random = (below: number) => number;

/** An opening, and everything opened in it. */
class Session {
	readonly region: Region;
	readonly random: Random;
	readonly blocks: Block[] = [];
	readonly messages: Message[] = [];
	readonly tokens: string[] = [];
	readonly #ends = new Map<string, unknown>();

	constructor(region: Region, random: Random) {
		this.region = region;
		this.random = random;
	}

	/** Returns one that it has already, or a new one. */
	#end<T extends { closed: boolean }>(name: string, make: () => T): T {
		let end = this.#ends.get(name) as T | undefined;
		if (end === undefined || end.closed) {
			end = make();
			this.#ends.set(name, end);
		}
		return end;
	}

	get #queue(): string {
		return `queue ${this.random(3)}`;
	}

	producer() {
		const name = this.#queue;
		return this.#end(`${name} producer`, () => this.region.queue(name, { capacity: 4096 }).producer());
	}

	consumer() {
		const name = this.#queue;
		return this.#end(`${name} consumer`, () => this.region.queue(name, { capacity: 4096 }).consumer());
	}

	get #records() {
		return this.region.queue("records", { record: "f64", capacity: 64 });
	}

	pusher() {
		return this.#end("pusher", () => this.#records.producer());
	}

	popper() {
		return this.#end("popper", () => this.#records.consumer());
	}

	get map(): SharedMap<"string", "bytes"> {
		return this.region.map("map", { key: "string", value: "bytes" });
	}

	get structs() {
		return this.region.map("structs", { key: "u32", value: { a: "f64", b: "u64" } });
	}

	get vector() {
		return this.region.vector("vector", "f64");
	}

	keep(block: Block): void {
		this.blocks.push(block);
		if (this.blocks.length > 20) this.blocks.shift()?.free();
	}

	any<T>(of: T[]): T | undefined {
		return of.length === 0 ? undefined : of.splice(this.random(of.length), 1)[0];
	}

	/** Leaves the endpoints, so that others get them. */
	leave(): void {
		for (const end of this.#ends.values()) (end as { close(): void }).close();
		this.#ends.clear();
	}
}

type Operation = (session: Session) => unknown;

function look(message: Message | undefined, session: Session): void {
	if (message === undefined) return;
	message.text();
	message.bytes.reduce((sum, byte) => sum + byte, 0);
	message.as("f32");
	message.block?.bytes.fill(1);
	if (message.block !== undefined && session.random(2) === 0) session.keep(message.take());
	else if (session.random(4) === 0) session.messages.push(message);
	else message.release();
}

const writing: Record<string, Operation> = {
	allocate: (s) => {
		const block = s.region.allocate(2 ** s.random(18));
		block.bytes.fill(2);
		block.as("f64").fill(0.5);
		s.keep(block);
	},
	free: (s) => s.any(s.blocks)?.free(),
	clone: (s) => {
		const block = s.blocks[0];
		if (block !== undefined) s.keep(block.clone());
	},
	save: (s) => {
		const block = s.any(s.blocks);
		if (block !== undefined) s.tokens.push(String(s.region.save(block)));
	},
	load: (s) => {
		const token = s.any(s.tokens);
		const loaded = token === undefined ? undefined : s.region.load(token);
		if (loaded?.kind !== "block") return;
		(loaded as Block).bytes.fill(3);
		(loaded as Block).free();
	},
	trySend: (s) => void s.producer().trySend("x".repeat(s.random(300))),
	"send a block": (s) => {
		const block = s.any(s.blocks);
		if (block !== undefined && !s.producer().trySend("with a block", { block })) s.keep(block);
	},
	"send a large one": (s) => void s.producer().trySend(new Uint8Array(5000 + s.random(50_000))),
	sendMany: (s) => void s.producer().sendMany(["a", "bb", new Uint8Array(100), new Uint8Array(5000)]),
	reserve: (s) => {
		const slot = s.producer().tryReserve(s.random(6000));
		slot?.bytes.fill(4);
		if (s.random(2) === 0) slot?.commit();
		else slot?.abort();
	},
	sendSync: (s) => s.producer().sendSync("y".repeat(1000), { timeout: TIMEOUT }),
	send: (s) => s.producer().send("z".repeat(1000), { timeout: TIMEOUT }),
	end: (s) => {
		if (s.random(10) === 0) s.producer().end();
	},
	tryReceive: (s) => look(s.consumer().tryReceive(), s),
	receiveMany: (s) => {
		for (const message of s.consumer().receiveMany(20)) look(message, s);
	},
	receiveSync: (s) => look(s.consumer().receiveSync({ timeout: TIMEOUT }), s),
	receive: async (s) => look(await s.consumer().receive({ timeout: TIMEOUT }), s),
	release: (s) => s.any(s.messages)?.release(),
	leave: (s) => s.leave(),
	push: (s) => void s.pusher().push(1),
	pushMany: (s) => void s.pusher().pushMany(new Float64Array(20)),
	"wait for room": (s) => s.pusher().waitSync({ timeout: TIMEOUT }),
	pop: (s) => void s.popper().pop(),
	popInto: (s) => void s.popper().popInto(new Float64Array(20)),
	"wait for records": (s) => s.popper().wait({ timeout: TIMEOUT }),
	peer: (s) => s.region.queue("queue 1", { capacity: 4096 }).waitForPeer({ timeout: TIMEOUT }),
	struct: (s) => {
		const struct = s.region.struct("struct", { a: "f64", n: "u32", big: "i64" });
		struct.n++;
		struct.a = struct.n;
	},
	array: (s) => {
		const array = s.region.array("array", { dtype: "f32", shape: [100, 3] });
		array.set(99, 2, array.get(0, 0) + 1);
		array.data.fill(1);
	},
	"vector push": (s) => void s.vector.push(1, 2, 3),
	"vector pop": (s) => void s.vector.pop(),
	"vector resize": (s) => s.vector.resize(s.random(2000)),
	"vector set": (s) => s.vector.set(0, 1),
	"map set": (s) => void s.map.set(`key ${s.random(50)}`, new Uint8Array(s.random(500))),
	"map delete": (s) => void s.map.delete(`key ${s.random(50)}`),
	"map update": (s) => void s.structs.update(s.random(40), (old) => ({ a: (old?.a ?? 0) + 1, b: 1n })),
	tryLock: (s) => s.region.mutex("mutex").tryLock()?.unlock(),
	lockSync: (s) => s.region.mutex("mutex").lockSync({ timeout: TIMEOUT }).unlock(),
	lock: async (s) => (await s.region.mutex("mutex").lock({ timeout: TIMEOUT })).unlock(),
	notify: (s) => s.region.condition("condition").notifyAll(),
	condition: (s) => {
		const held = s.region.mutex("mutex").tryLock();
		if (held === undefined) return;
		try {
			s.region.condition("condition").waitSync(held, { until: () => s.random(3) === 0, timeout: TIMEOUT });
		} finally {
			held.unlock();
		}
	},
	construct: (s) => void s.region.queue(`new ${s.random(100)}`, { capacity: 64 }),
	remove: (s) => void s.region.remove(s.random(4) === 0 ? `queue ${s.random(3)}` : `new ${s.random(100)}`),
	"remove a map": (s) => void (s.random(10) === 0 && s.region.remove("map")),
	recover: (s) => void s.region.recover(),
	"open and close": (s) => Region.open(s.region.name, { mode: "open" }).close(),
	"read a second one": (s) => {
		using region = Region.open(s.region.name, { mode: "copy-on-write" });
		region.stats();
		region.map("map", { key: "string", value: "bytes" }).entries();
		region.array("array", { dtype: "f32", shape: [100, 3] }).data.fill(5);
	},
};

const reading: Record<string, Operation> = {
	"vector at": (s) => void s.vector.at(-1),
	"vector view": (s) => void s.vector.view.length,
	"vector values": (s) => void [...s.vector],
	"map get": (s) => void s.map.get(`key ${s.random(50)}`),
	"map has": (s) => void s.structs.has(s.random(50)),
	"map entries": (s) => void s.map.entries(),
	"structs entries": (s) => void s.structs.entries(),
	"any array": (s) => void s.region.array("array").data.length,
	"any struct": (s) => void { ...s.region.struct("struct") },
	entries: (s) => void s.region.entries(),
	stats: (s) => void s.region.stats(),
	list: () => void Region.list(),
};

/** What only `faulty` processes do, all of which must be found. */
const faults: Record<string, Operation> = {
	"a wrong error": () => {
		throw new RangeError("not a DhmemError");
	},
};

/** What such processes do first. */
const ends: Record<string, Operation> = {
	crashing: () => process.kill(process.pid, "SIGSEGV"),
	hanging: () => {
		for (;;);
	},
};

function operationsFor(access: string): Record<string, Operation> {
	if (access === "read-only") return reading;
	return access === "faulty" ? { ...reading, ...faults } : { ...writing, ...reading };
}

/** Memory that belongs to nobody else, and a region that nobody damages: neither may ever change. */
class Canaries {
	readonly #buffers = Array.from({ length: 8 }, (_, index) => new Uint8Array(50_000).fill(index + 1));
	readonly #region = Region.temporary({ size: "2MiB" });
	readonly #block = this.#region.allocate(500_000);

	constructor() {
		this.#block.bytes.fill(9);
	}

	get changed(): boolean {
		const isChanged = (bytes: Uint8Array) => bytes.some((byte) => byte !== bytes[0]);
		return (
			this.#buffers.some(isChanged) || isChanged(this.#block.bytes.slice()) || this.#block.bytes[0] !== 9
		);
	}

	close(): void {
		this.#region.close();
	}
}

const user: Scenario = async (talk, directory, name, seed, notes, access) => {
	process.env.DHMEM_DIR = directory;
	const random = randomFrom(Number(seed));
	const canaries = new Canaries();
	const file = openSync(notes as string, "w");
	const found: Findings = {
		operations: 0,
		openings: 0,
		codes: {},
		longest: { milliseconds: 0, operation: "" },
		failures: [],
	};
	const count = (what: string) => {
		found.codes[what] = (found.codes[what] ?? 0) + 1;
	};
	/** Returns whether it threw. */
	const attempt = async (what: string, body: () => unknown): Promise<boolean> => {
		// Whoever waits for this process in vain finds what it was about, and how far it has come.
		const { operations, openings, codes, failures } = found;
		const figures = [operations, openings, codes.DHMEM_CORRUPT ?? 0, failures.length];
		writeSync(file, what.padEnd(40) + figures.join(" ").padEnd(40), 0);
		const began = performance.now();
		let threw = false;
		try {
			const result = body();
			if (result instanceof Promise) await result;
			count("returned");
		} catch (error) {
			threw = true;
			if (error instanceof DhmemError) count(error.code);
			else found.failures.push(`${what} threw ${error instanceof Error ? error.stack : error}`);
		}
		const milliseconds = performance.now() - began;
		if (milliseconds > found.longest.milliseconds) found.longest = { milliseconds, operation: what };
		if (milliseconds > TOO_LATE) found.failures.push(`${what} took ${milliseconds.toFixed(0)} ms`);
		found.operations++;
		return threw;
	};
	const list = Object.entries(operationsFor(access as string));
	let stopping = false;
	talk.hear().then(() => {
		stopping = true;
	});
	talk.say("ready");
	for (let turn = 0; !stopping; ) {
		let session: Session | undefined;
		await attempt("open", () => {
			const options = access === "read-only" ? ({ mode: "read-only" } as const) : { size: "4MiB" };
			session = new Session(Region.open(name as string, options), random);
		});
		if (ends[access as string] !== undefined) {
			await new Promise((resolve) => setTimeout(resolve, 50));
			await attempt(access as string, () => ends[access as string]?.(session as Session));
		}
		if (session === undefined) {
			await new Promise((resolve) => setTimeout(resolve, 2));
			continue;
		}
		found.openings++;
		const { region } = session;
		for (let errors = 0, left = 400; errors < 25 && left > 0 && !stopping; left--) {
			const [what, operation] = list[random(list.length)] as [string, Operation];
			if (await attempt(what, () => operation(session as Session))) errors++;
			if (++turn % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
		}
		await attempt("close", () => region.close());
		if (canaries.changed) found.failures.push("memory of this process's own was changed");
		if (found.failures.length > 20) break;
	}
	canaries.close();
	talk.say(found);
};

serve(import.meta.url, { user });
