/** A record in the bucket of a run. Its runners read it, and change it one after another. */
import { setTimeout as sleep } from "node:timers/promises";
import type { KV } from "@nats-io/kv";
import { DhmemError, isErrorNamed } from "../../errors.js";
import { codeOf } from "./creating.js";
import { patienceWith } from "./electing.js";
import { isAbsent } from "./explained.js";
import { bucketOf, keyOf } from "./names.js";
import type { Session } from "./session.js";
import { isConflict, NO_STREAM } from "./stream.js";

const KEY = "runners";
/** Milliseconds between attempts. */
const PAUSE = 100;
/** Milliseconds for which a bucket may be unknown, because its server has just started. */
const UNKNOWN = 5000;

export class SharedRecord<T> {
	readonly #session: Session;
	readonly #run: string;
	readonly #bucket: KV;

	private constructor(session: Session, run: string, bucket: KV) {
		this.#session = session;
		this.#run = run;
		this.#bucket = bucket;
	}

	/** @param onChange called when somebody has changed it, mostly */
	static async open<T>(session: Session, run: string, onChange: () => void): Promise<SharedRecord<T>> {
		const record = new SharedRecord<T>(session, run, await session.bucket(bucketOf(run)));
		session.connection.subscribe(record.#subject, { callback: onChange });
		return record;
	}

	get #subject(): string {
		return `dhmem_room.${keyOf(this.#run)}.${KEY}`;
	}

	/** Undefined if there is none yet. @throws as `change` */
	read(patience: number): Promise<T | undefined> {
		return this.#again(patience, async () => (await this.#entry()).value);
	}

	/**
	 * Replaces the record by the result of `next`, and returns it. If others change it meanwhile, or the server does not
	 * answer, `next` is called again, also with a record that it has already changed.
	 *
	 * @param patience milliseconds for which the server is tried again; more in a cluster
	 * @throws what `next` throws; DHMEM_CORRUPT if the run's bucket is gone
	 */
	async change(next: (record: T | undefined) => T, patience: number): Promise<T> {
		const changed = await this.#again(patience, async () => {
			const { value, revision } = await this.#entry();
			const changed = next(value);
			if (changed !== value) await this.#bucket.put(KEY, JSON.stringify(changed), { previousSeq: revision });
			return changed;
		});
		this.#session.connection.publish(this.#subject);
		return changed;
	}

	async #entry(): Promise<{ value: T | undefined; revision: number }> {
		const entry = await this.#bucket.get(KEY);
		return entry === null
			? { value: undefined, revision: 0 }
			: { value: entry.json<T>(), revision: entry.revision };
	}

	async #again<R>(patience: number, attempt: () => Promise<R>): Promise<R> {
		const began = performance.now();
		const most = patienceWith(this.#session.connection, patience);
		for (;;) {
			try {
				return await attempt();
			} catch (error) {
				const isUnknown = codeOf(error) === NO_STREAM;
				const isTemporary =
					isUnknown || isConflict(error) || isErrorNamed(error, "JetStreamNotEnabled") || isAbsent(error);
				const waited = performance.now() - began;
				if (isUnknown && waited > UNKNOWN) throw runGone(this.#run);
				if (!isTemporary || waited > most) throw error;
			}
			await sleep(PAUSE);
		}
	}
}

/** The error for a run that is not on its server any more. */
export function runGone(run: string): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		`Run ${run} is gone from the NATS server: the other machines have ended it without this one, or somebody has ` +
			"removed it; run the workflow again on all machines",
	);
}
