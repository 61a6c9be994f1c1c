/**
 * Processes and worker threads do everything while random ones are killed, stopped and terminated, and others take
 * their place. At the end every message and every byte is accounted for.
 */
import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { Region } from "dhmem";
import {
	CLASS_HANDLE,
	DESCRIPTOR_BYTES,
	HANDLE_NONCE,
	HEADER_BYTES,
	HEADER_DESCRIPTORS,
	HEADER_IDENTITY,
	HEADER_OWNERS,
	HEADER_SPANS,
	OWNER_REGION,
	OWNERS_PER_SPAN,
	SPAN_BYTES,
	SPAN_SLAB,
} from "../../assembly/layout.js";
import { encodeHandle } from "../../src/handles/handle.js";
import { shim } from "../../src/host/shim.js";
import { examine } from "../../src/inspect/examine.js";
import { readMemoryMap } from "../../src/inspect/memory-map.js";
import { inFolder } from "../acceptance/row.js";
import { clock, loadBlock, PATIENCE, randomFrom, until } from "../fixture/index.js";
import { Checker, NOTES, Notes, notesOf, RecordChecker } from "./notes.js";
import {
	BATCH,
	checkMap,
	checkVector,
	LOCKING,
	numbersOf,
	PARTICIPANTS,
	probeOf,
	STOP,
	shared,
	streamOf,
	taken,
} from "./participant.js";

const PARTICIPANT = fileURLToPath(new URL("participant.js", import.meta.url));
/** The participants that are worker threads of this process. */
const WORKERS = [1, 5];
/** The number of operations that each of the others must do while one is stopped. */
const WANTED = 50;
/** Messages, and records, that all together have to send before the end. */
const ENOUGH = 200;

export interface Torture {
	seed: number;
	kills: number;
	terminations: number;
	/** The number of stops, and of operations that others did meanwhile. */
	stops: number;
	meanwhile: number;
	messages: number;
	records: number;
	operations: number;
	/** Milliseconds from when the kernel dropped the lock to when a survivor had the dead participant's endpoint. */
	takeovers: number[];
	/** Bytes in use when all had died and were recovered from, and when everything was removed. */
	left: { before: number; recovered: number; removed: number };
	/** Saved blocks whose handles nobody had. */
	orphans: number;
	failures: string[];
}

export interface Fault {
	/** Makes a participant lose messages. */
	lose?: boolean;
	/** Leaves out the recovery at the end. */
	unrecovered?: boolean;
}

/** A participant, wherever it runs. */
interface Member {
	index: number;
	/** Ends it, stopped or not. */
	kill(): Promise<void>;
	/** Resolves when it has ended by itself. */
	ended: Promise<void>;
	process: ChildProcess | undefined;
}

export function torture(
	seed: number,
	goesOn: (kills: number, report: Torture) => boolean,
	fault: Fault = {},
): Promise<Torture> {
	return inFolder(async (directory) => {
		const region = Region.open("torture", { directory, size: "128MiB", label: "who counts" });
		const members = new Map<number, Member>();
		const report: Torture = {
			seed,
			kills: 0,
			terminations: 0,
			stops: 0,
			meanwhile: 0,
			messages: 0,
			records: 0,
			operations: 0,
			takeovers: [],
			left: { before: 0, recovered: 0, removed: 0 },
			orphans: 0,
			failures: [],
		};
		// A run that is told to end in the middle leaves no process behind.
		const killAll = () => {
			for (const member of members.values()) member.process?.kill("SIGKILL");
		};
		process.once("exit", killAll);
		try {
			await run({ region, directory, members, report, random: randomFrom(seed), goesOn, fault });
		} catch (error) {
			report.failures.push(error instanceof Error ? `${error.stack}` : String(error));
		} finally {
			await Promise.all([...members.values()].map((member) => member.kill()));
			process.off("exit", killAll);
			region.close();
		}
		return report;
	});
}

interface Stage {
	region: Region;
	directory: string;
	members: Map<number, Member>;
	report: Torture;
	random: (below: number) => number;
	goesOn: (kills: number, report: Torture) => boolean;
	fault: Fault;
}

async function run(stage: Stage): Promise<void> {
	const { region, members, report, random } = stage;
	const words = notesOf(region, PARTICIPANTS + 1);
	const notes = Array.from({ length: PARTICIPANTS }, (_, index) => new Notes(words, index));
	for (const each of notes) {
		for (const word of [
			NOTES.sent,
			NOTES.intended,
			NOTES.released,
			NOTES.pushed,
			NOTES.pushing,
			NOTES.popped,
		])
			each.set(word, 1);
	}
	for (let index = 0; index < PARTICIPANTS; index++) {
		streamOf(region, index);
		numbersOf(region, index);
		probeOf(region, index);
		start(stage, index);
	}
	const runs = (index: number) => notes[index]?.get(NOTES.running) === 1;
	const turns = (index: number) => notes[index]?.get(NOTES.turns) ?? 0;
	const hasFailed = () => report.failures.length > 0;
	const running = (which: string, condition: () => boolean) => until(() => hasFailed() || condition(), which);

	while (stage.goesOn(report.kills + report.terminations, report) && !hasFailed()) {
		await new Promise((resolve) => setTimeout(resolve, random(40)));
		const index = random(PARTICIPANTS);
		const member = members.get(index) as Member;
		// In half of the cases it works for a while first; otherwise it may have hardly begun.
		if (random(2) === 0) {
			const moment = turns(index) + random(300);
			await running(`participant ${index}`, () => turns(index) > moment);
		}
		if (hasFailed()) break;
		if (member.process !== undefined && random(3) === 0) {
			const others = notes.map((_, other) => other).filter((other) => other !== index && runs(other));
			member.process.kill("SIGSTOP");
			await until(() => isStopped(member.process as ChildProcess), "it to stop");
			report.stops++;
			const before = others.map(turns);
			// Participants that use locks wait if it holds one; no others may.
			await running(`the others, while participant ${index} is stopped`, () =>
				others.every(
					(other, at) => other >= LOCKING || (turns(other) - (before[at] as number)) >>> 0 >= WANTED,
				),
			);
			report.meanwhile += others.reduce((sum, other, at) => sum + turns(other) - (before[at] as number), 0);
			if (random(2) === 0) {
				member.process.kill("SIGCONT");
				continue;
			}
		}
		await kill(stage, member);
		notes[index]?.set(NOTES.running, 0);
		start(stage, index);
	}
	if (hasFailed()) return;

	// Half of them leave, and half are killed at once.
	await running("all to be there", () => notes.every((_, index) => runs(index)));
	const sent = (word: number) => notes.reduce((sum, each) => sum + each.get(word), 0);
	await running("something to be sent", () => Math.min(sent(NOTES.sent), sent(NOTES.pushed)) > ENOUGH);
	const stop = new Notes(words, STOP);
	const leaving = [...members.values()].filter(({ index }) => index % 2 === 1);
	for (const { index } of leaving) stop.set(index, 1);
	for (const { ended } of leaving) await Promise.race([ended, late()]);
	await Promise.all([...members.values()].map((member) => member.kill()));
	report.operations = notes.reduce((sum, each) => sum + each.get(NOTES.turns), 0);
	settle(stage, notes);
}

function late(): Promise<never> {
	return new Promise((_, reject) => {
		setTimeout(() => reject(new Error("a participant does not leave")), PATIENCE).unref();
	});
}

function start({ region, directory, members, report, random, fault }: Stage, index: number): void {
	const faulty = fault.lose === true && index === 0 ? "lose" : "";
	const args = [directory, region.name, index, PARTICIPANTS, random(2 ** 31), faulty].map(String);
	let killed = false;
	const failed = (what: string) => {
		if (!killed) report.failures.push(`participant ${index}: ${what}`);
	};
	if (WORKERS.includes(index)) {
		const worker = new Worker(PARTICIPANT, { workerData: { participant: args } });
		worker.once("error", (error) => failed(error.stack ?? error.message));
		const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
		const kill = async () => {
			killed = true;
			await worker.terminate();
		};
		members.set(index, { index, kill, ended, process: undefined });
		return;
	}
	const child = fork(PARTICIPANT, args, { stdio: ["ignore", "inherit", "pipe", "ipc"] });
	let errors = "";
	child.stderr?.on("data", (text) => {
		errors += text;
	});
	const ended = new Promise<void>((resolve) => {
		child.once("close", (code, signal) => {
			if (code !== 0) failed(`it ended with ${code ?? signal}: ${errors}`);
			resolve();
		});
	});
	const kill = async () => {
		killed = true;
		child.kill("SIGKILL");
		await ended;
	};
	members.set(index, { index, kill, ended, process: child });
}

function isStopped({ pid, exitCode, signalCode }: ChildProcess): boolean {
	if (exitCode !== null || signalCode !== null) return true;
	const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
	return /^. [TZ]/.test(stat.slice(stat.lastIndexOf(")")));
}

/** Kills it, and takes over what it had as soon as its lock is dropped. */
async function kill({ region, report }: Stage, member: Member): Promise<void> {
	const label = `participant ${member.index}`;
	const slotsOf = () =>
		region
			.stats()
			.participants.filter((each) => each.label === label && each.alive)
			.map(({ slot }) => slot);
	const slots = slotsOf();
	const file = shim().openFile(region.path, true);
	try {
		const dead = member.kill();
		if (member.process === undefined) report.terminations++;
		else report.kills++;
		if (slots.length > 0) {
			// Or the slot belongs to another participant already, which has just begun.
			const dropped = (slot: number) => !shim().isLocked(file, slot) || !slotsOf().includes(slot);
			await until(() => slots.every(dropped), "the lock to be dropped");
			const began = clock();
			// Another participant may be recovering from it at this moment.
			(await taken(region, () => probeOf(region, member.index).producer())).close();
			report.takeovers.push(clock() - began);
		}
		await dead;
	} finally {
		shim().closeFile(file);
	}
}

/** Runs when all have gone: receives what is left, counts, and removes everything. */
function settle({ region, report, fault }: Stage, notes: Notes[]): void {
	const { left } = report;
	left.before = region.stats().used;
	if (fault.unrecovered !== true) region.recover();
	left.recovered = region.stats().used;
	if (left.recovered >= left.before) report.failures.push("what the dead had was not given back");
	for (const { invariant, text } of region.lookWith(examine).findings)
		report.failures.push(`${invariant}: ${text}`);
	for (const [index, each] of notes.entries()) {
		drain(region, index, each);
		report.messages += each.get(NOTES.sent) - 1;
		report.records += each.get(NOTES.pushed) - 1;
	}
	const totals = region.struct("totals", shared.totals);
	const held = region.mutex("mutex").lockSync({ timeout: PATIENCE });
	if (!held.abandoned && totals.n !== totals.m) {
		report.failures.push(`guarded counters are ${totals.n} and ${totals.m}`);
	}
	held.unlock();
	const noted = notes.reduce((sum, each) => sum + each.get(NOTES.increments), 0);
	const deaths = report.kills + report.terminations + PARTICIPANTS;
	if (totals.n < noted || totals.n > noted + deaths) {
		report.failures.push(`the guarded counter is ${totals.n}, and was counted up ${noted} times`);
	}
	const map = region.map("map", shared.map);
	if (checkMap(region) !== map.size) report.failures.push(`the map has another size than entries`);
	for (const [key] of map) if (!map.delete(key)) report.failures.push(`the map has no ${key}`);
	if (map.size !== 0) report.failures.push("the map is not empty");
	checkVector(region);

	for (const { name } of region.entries()) region.remove(name);
	for (const token of handlesIn(region.path)) {
		loadBlock(region, token).free();
		report.orphans++;
	}
	left.removed = region.stats().used;
	if (left.removed !== 0) report.failures.push(`${left.removed} bytes are in use when all is removed`);
	const kept = keptPages(region);
	if (kept > 0) report.failures.push(`${kept} bytes of free memory have pages after a trim`);
	if (region.stats().participants.length !== 1) report.failures.push("the dead are still there");
	if (report.orphans > deaths * 11) report.failures.push(`${report.orphans} saved blocks have no owner`);
}

/** Bytes that have pages after a trim, but neither in tables nor in slabs of objects and handles, which stay. */
function keptPages(region: Region): number {
	region.trim();
	const stay = region
		.lookWith(readMemoryMap)
		.filter(({ kind }) => kind === "tables" || kind === "small")
		.reduce((sum, { bytes }) => sum + bytes, 0);
	return Math.max(region.stats().committed - stay, region.stats().trimmable);
}

function drain(region: Region, index: number, notes: Notes): void {
	const stream = `stream ${index}`;
	for (let empty = false; !empty; ) {
		// Once more after each end of a stream.
		const consumer = streamOf(region, index).consumer();
		const checker = new Checker(notes, stream);
		for (let message = consumer.tryReceive(); message !== undefined; message = consumer.tryReceive()) {
			checker.accept(message);
			checker.endAll();
		}
		empty = !consumer.ended;
		if (empty) checker.finish();
		consumer.close();
	}
	const popper = numbersOf(region, index).consumer();
	const popped = new RecordChecker(notes, `numbers ${index}`);
	for (let record = popper.pop(); record !== undefined; record = popper.pop()) popped.accept([record], BATCH);
	popped.finish();
	popper.close();
}

/** The tokens of all blocks saved in a region: there is no other way to find those that have no owner any more. */
function handlesIn(path: string): string[] {
	const file = openSync(path, "r");
	const read = (from: number, length: number) => {
		const bytes = Buffer.alloc(length);
		readSync(file, bytes, 0, length, from);
		return bytes;
	};
	try {
		const header = read(0, HEADER_BYTES);
		const word = (at: number) => header.readUInt32LE(at);
		const tokens: string[] = [];
		const spans = word(HEADER_SPANS);
		const descriptors = read(word(HEADER_DESCRIPTORS), spans * DESCRIPTOR_BYTES);
		for (let span = 0; span < spans; span++) {
			if (descriptors.readUInt32LE(span * DESCRIPTOR_BYTES) !== (SPAN_SLAB | (CLASS_HANDLE << 8))) continue;
			const owners = read(word(HEADER_OWNERS) + span * OWNERS_PER_SPAN, OWNERS_PER_SPAN);
			const records = read(span * SPAN_BYTES, SPAN_BYTES);
			for (const [index, owner] of owners.entries()) {
				if (owner !== OWNER_REGION) continue;
				const at = index * 64;
				const nonce = [at + HANDLE_NONCE, at + HANDLE_NONCE + 4].map((place) =>
					records.readUInt32LE(place),
				) as [number, number];
				const identity: [number, number] = [word(HEADER_IDENTITY), word(HEADER_IDENTITY + 4)];
				tokens.push(
					String(encodeHandle({ of: "block", region: identity, at: span * SPAN_BYTES + at, nonce })),
				);
			}
		}
		return tokens;
	} finally {
		closeSync(file);
	}
}
