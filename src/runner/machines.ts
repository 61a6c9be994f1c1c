/** A run on several machines: a runner on each, which tell each other through a NATS server how their tasks end. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { DhmemError } from "../errors.js";
import type { LinkSnapshot } from "../workflow/link-snapshot.js";
import type { Link } from "../workflow/links.js";
import { noteConnection } from "../workflow/nats/connection-notes.js";
import { openStreams, removeRun } from "../workflow/nats/manage.js";
import { keyOf } from "../workflow/nats/names.js";
import { answerFor, ask } from "../workflow/nats/presence.js";
import type { Keeping } from "../workflow/nats/pull/keeper.js";
import { openSession, type Session } from "../workflow/nats/session.js";
import type { ServerSettings } from "../workflow/nats/settings.js";
import { runGone, SharedRecord } from "../workflow/nats/shared-record.js";
import { Doubts } from "./doubts.js";
import {
	changesIn,
	describeMember,
	enter,
	type Failure,
	isDeserted,
	isOver,
	leave,
	type Member,
	missingIn,
	noteFailure,
	noteFinished,
	type Roll,
	withEarlierRunner,
} from "./roll.js";
import { SharedLinks } from "./shared-links.js";

/** Milliseconds between looks at the others. */
const INTERVAL = 2000;
/** Milliseconds for which a server that does not answer is tried again before and after the tasks run. */
const PATIENCE = 10_000;
/** Milliseconds after which a runner that nobody knows is asked again: it may have just begun to listen. */
const AGAIN = 1000;

export interface MachinesOptions {
	/** The run's name, the same on all machines. */
	readonly run: string;
	readonly server: ServerSettings;
	/** What all machines agree on. */
	readonly digest: string;
	readonly tasks: readonly string[];
	readonly links: readonly Link[];
	/** The tasks of this machine, and the links that they have. */
	readonly ownTasks: readonly string[];
	readonly ownLinks: readonly Link[];
}

/** What a run does when it hears of the others. */
export interface Listener {
	note(text: string): void;
	/** The run has failed elsewhere. */
	stop(message: string, status: number): void;
}

export class Machines {
	/** The run's name, also on the server. */
	readonly run: string;
	/** The name of this machine's region. Two runners of a run may be on one machine. */
	readonly region: string;
	readonly #options: MachinesOptions;
	readonly #me: Member;
	#listener: Listener | undefined;
	#joined: { readonly session: Session; readonly record: SharedRecord<Roll> } | undefined;
	#shared: SharedLinks | undefined;
	#roll: Roll | undefined;
	/** The first failure that this runner has heard of. */
	#failure: Failure | undefined;
	/** Resolves when the others can know of it. */
	#failureTold: Promise<unknown> = Promise.resolve();
	#missing: string | undefined;
	readonly #waiting = new Set<() => void>();
	readonly #leaving = new AbortController();
	readonly #doubts = new Doubts();

	constructor(options: MachinesOptions) {
		const id = randomBytes(4).toString("hex");
		this.#options = options;
		this.#me = { id, host: hostname(), tasks: options.ownTasks, left: false };
		this.run = options.run;
		this.region = `${options.run}-${id}`;
	}

	listen(listener: Listener): void {
		this.#listener = listener;
	}

	/** The tasks that have finished, on whatever machine. */
	get finished(): readonly string[] {
		return this.#roll?.finished ?? [];
	}

	/** Why the run ends, if it fails: for all runners the same. */
	get failure(): Failure | undefined {
		return this.#roll?.failure ?? this.#failure;
	}

	/**
	 * Takes part in the run, and waits until all tasks have a machine, or the run has failed.
	 *
	 * @throws DHMEM_EXISTS, DHMEM_TYPE_MISMATCH if it can't take part; as `openSession` and `openStream`
	 */
	async prepare(note: (text: string) => void): Promise<void> {
		const { run, server, ownLinks } = this.#options;
		const session = await openSession(server, `run ${run}`, 0);
		try {
			noteConnection(session, note);
			const roll = await this.#join(session);
			await openStreams(session, run, ownLinks, withEarlierRunner(roll, this.#me.id));
		} catch (error) {
			if (this.#joined === undefined) await session.connection.close();
			throw session.explain(error);
		}
		await this.#until((roll) => missingIn(roll).length === 0);
	}

	/** What is needed to keep the large blocks of this machine's tasks. */
	get keeping(): Keeping | undefined {
		const { run, server, ownTasks, ownLinks } = this.#options;
		const links = ownLinks.filter(({ from }) => ownTasks.includes(from.task));
		return this.#joined && { run, session: this.#joined.session, links, settings: server.pull };
	}

	async #join(session: Session): Promise<Roll> {
		const { run, digest, tasks } = this.#options;
		answerFor(session, keyOf(run));
		answerFor(session, keyOf(run), this.#me.id);
		const record = await SharedRecord.open<Roll>(session, run, () => void this.#refresh());
		await this.#checkOthers(session, (await record.read(PATIENCE))?.members ?? []);
		const roll = await record.change((roll) => enter(roll, run, this.#me, { digest, tasks }), PATIENCE);
		this.#joined = { session, record };
		this.#shared = new SharedLinks(session, run, this.#me);
		this.#take(roll);
		session.onLockout(({ message }) => this.#listener?.note(message));
		session.onDisconnect(() => {
			this.#doubts.isConnected = false;
		});
		session.onReconnect(() => {
			this.#doubts.isConnected = true;
		});
		void this.#attend();
		return roll;
	}

	/** @throws DHMEM_EXISTS if one of them is known to be gone: nobody would end that run */
	async #checkOthers(session: Session, members: readonly Member[]): Promise<void> {
		const { run, server } = this.#options;
		const isGone = async ({ id }: Member) => (await ask(session, keyOf(run), id)) === "nobody";
		for (const member of members.filter(({ left }) => !left)) {
			if (!(await isGone(member))) continue;
			await sleep(AGAIN);
			if (!(await isGone(member))) continue;
			throw new DhmemError(
				"DHMEM_EXISTS",
				`Run ${run} is on the NATS server already, but its runner at ${describeMember(member)} is gone (was it killed?); ` +
					`choose another name (--run), or remove what it has left: dhmem clean --server ${server.servers.join(",")}`,
			);
		}
	}

	/** The links of all machines, as far as they are known, for those of this one. */
	share(links: readonly LinkSnapshot[]): readonly LinkSnapshot[] {
		return this.#shared?.share(links) ?? links;
	}

	taskFinished(task: string): void {
		// Until the server answers, or the run fails.
		this.#change((roll) => noteFinished(roll, task), Number.POSITIVE_INFINITY).catch((error) =>
			this.#lose(error),
		);
	}

	/** Tells the others that the run has failed here. */
	fail(message: string, status: number): void {
		if (this.#failure !== undefined) return;
		const failure = { message, status, by: this.#me.id };
		this.#failure = failure;
		this.#wake();
		if (this.#joined === undefined) return;
		// If that is impossible, leaving is, and says so.
		this.#failureTold = this.#change((roll) => noteFailure(roll, failure), PATIENCE).catch(() => {});
	}

	/** Waits until the tasks of all machines have finished, or the run has failed. */
	allFinished(): Promise<void> {
		return this.#until(isOver);
	}

	/** Leaves the run. The last runner removes what it has on the server. */
	async clear(note: (text: string) => void): Promise<void> {
		if (this.#joined === undefined) return;
		const { session } = this.#joined;
		const { run, links } = this.#options;
		this.#leaving.abort();
		await this.#failureTold;
		try {
			// What has failed before this runner took part, or could not be told, the others learn now.
			const failure = this.#failure;
			await this.#change(
				(roll) => leave(failure === undefined ? roll : noteFailure(roll, failure), this.#me.id),
				PATIENCE,
			);
			if (this.#roll !== undefined && isDeserted(this.#roll)) await removeRun(session, run, links);
		} catch (error) {
			// The others have given this runner up, and have removed everything.
			if (isRunGone(error)) return;
			note(`what this run has on the NATS server may be left there: ${session.explain(error).message}`);
		} finally {
			await session.connection.close();
		}
	}

	// ------------------------------------------------------------------------------------------------ the roll

	async #change(next: (roll: Roll) => Roll, patience: number): Promise<void> {
		const changed = await this.#joined?.record.change((roll) => next(this.#checked(roll)), patience);
		if (changed !== undefined) this.#take(changed);
	}

	/** @throws DHMEM_CORRUPT if it is the roll of another run, or there is none */
	#checked(roll: Roll | undefined): Roll {
		if (roll?.members.some(({ id }) => id === this.#me.id)) return roll;
		throw runGone(this.#options.run);
	}

	async #refresh(): Promise<void> {
		if (this.#joined === undefined) return;
		try {
			this.#take(this.#checked(await this.#joined.record.read(PATIENCE)));
		} catch (error) {
			this.#lose(error);
		}
	}

	#take(roll: Roll): void {
		// Answers may overtake each other.
		if (this.#roll !== undefined && changesIn(roll) < changesIn(this.#roll)) return;
		const known = this.finished;
		this.#roll = roll;
		this.#noteMissing(roll);
		for (const member of roll.members) {
			if (member.id === this.#me.id) continue;
			for (const task of member.tasks)
				if (roll.finished.includes(task) && !known.includes(task))
					this.#listener?.note(`${task} has finished, at ${member.host}`);
		}
		if (roll.failure !== undefined) this.#hear(roll.failure, roll);
		this.#wake();
	}

	#noteMissing(roll: Roll): void {
		const { run, server } = this.#options;
		const missing = missingIn(roll).join(",");
		if (missing === this.#missing || this.#leaving.signal.aborted) return;
		this.#missing = missing;
		this.#listener?.note(
			missing === ""
				? `all tasks have a machine: ${roll.members.map(describeMember).join(", ")}`
				: `waiting for a machine with ${missing.replaceAll(",", ", ")}; start it there, or on several machines: dhmem run ` +
						`--server ${server.servers.join(",")} --run ${run} --only ${missing} FILE`,
		);
	}

	#hear(failure: Failure, { members }: Roll): void {
		if (this.#failure !== undefined) return;
		this.#failure = failure;
		const host = members.find(({ id }) => id === failure.by)?.host;
		this.#listener?.stop(`at ${host}, ${failure.message}`, failure.status);
	}

	/** Without the roll, this machine can't go on. While the server does not answer, it waits. */
	#lose(error: unknown): void {
		if (!isRunGone(error) || this.#leaving.signal.aborted || this.#failure !== undefined) return;
		this.#failure = { message: error.message, status: 1, by: this.#me.id };
		this.#listener?.stop(error.message, 1);
		this.#wake();
	}

	/** Resolves when the roll is as `is` says, or the run has failed. */
	#until(is: (roll: Roll) => boolean): Promise<void> {
		return new Promise((resolve) => {
			const check = () => {
				if (this.#failure === undefined && !(this.#roll !== undefined && is(this.#roll))) return;
				this.#waiting.delete(check);
				resolve();
			};
			this.#waiting.add(check);
			check();
		});
	}

	#wake(): void {
		for (const check of [...this.#waiting]) check();
	}

	// ---------------------------------------------------------------------------------------------- the others

	/** Looks now and then for news that this runner has missed, and for runners that are gone. */
	async #attend(): Promise<void> {
		const { signal } = this.#leaving;
		while (!signal.aborted) {
			await sleep(INTERVAL, undefined, { signal }).catch(() => {});
			if (signal.aborted || !this.#doubts.isConnected) continue;
			await this.#refresh();
			const others = this.#roll?.members.filter(({ id, left }) => id !== this.#me.id && !left) ?? [];
			await Promise.all(others.map((member) => this.#ask(member)));
		}
	}

	async #ask(member: Member): Promise<void> {
		if (this.#joined === undefined || this.#leaving.signal.aborted) return;
		const answer = await ask(this.#joined.session, keyOf(this.#options.run), member.id);
		if (!this.#doubts.take(member.id, answer)) return;
		const message =
			`the runner at ${describeMember(member)} does not answer any more: was it killed, or is its machine cut off? ` +
			"Stopping the others";
		const failure = { message, status: 1, by: this.#me.id };
		await this.#change((roll) => leave(noteFailure(roll, failure), member.id), PATIENCE).catch((error) =>
			this.#lose(error),
		);
	}
}

function isRunGone(error: unknown): error is DhmemError {
	return error instanceof DhmemError && error.code === "DHMEM_CORRUPT";
}
