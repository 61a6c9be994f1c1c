/** What the two endpoints of a link over NATS have in common: their names on the server, and their epochs. */
import { setTimeout as sleep } from "node:timers/promises";
import type { KV } from "@nats-io/kv";
import { isErrorNamed } from "../../errors.js";
import type { Region } from "../../region.js";
import type { Link } from "../links.js";
import { isAbsent } from "./explained.js";
import { bucketOf, namesOf, type StreamNames } from "./names.js";
import type { Session } from "./session.js";
import { isConflict } from "./stream.js";

export interface EndpointOptions {
	readonly region: Region;
	/** The run's name on the server. */
	readonly run: string;
	readonly task: string;
	readonly link: Link;
	/** True if a runner runs the workflow. */
	readonly isRun: boolean;
	readonly log: (text: string) => void;
	/** The connection of the task, which its first link opens. */
	readonly session: () => Promise<Session>;
	/** True if large blocks take no other way than all messages do: through the server. */
	readonly isPullOff: boolean;
	/** Keeps the process alive until the result is called. */
	readonly hold: () => () => void;
}

export interface Endpoint {
	readonly session: Session;
	readonly names: StreamNames;
	/**
	 * Each opening of an endpoint has a higher epoch than those before it. The latest one holds the endpoint,
	 * since over a network a dead process and a slow one look alike.
	 */
	readonly epoch: number;
	/** True if another process has opened it before. */
	readonly hasPredecessor: boolean;
	currentEpoch(): Promise<number>;
	/**
	 * True if the other endpoint was opened before this one. Of two that are opened at once, exactly one finds the other:
	 * both write their entries before they look, and one entry has the higher revision.
	 */
	isSecond(): Promise<boolean>;
}

/** Milliseconds for which a bucket that was just created may be unknown, and between attempts. */
const PATIENCE = 5000;
const PAUSE = 20;
/** Milliseconds for which a server may be silent while an endpoint is opened. What is open waits longer. */
const SILENCE = 30_000;

/** Takes the endpoint from its holder, if it has one. */
export async function openEndpoint(
	{ run, task, link, session: connect }: EndpointOptions,
	side: "sender" | "receiver",
): Promise<Endpoint> {
	const session = await connect();
	const names = namesOf(run, link);
	const bucket = await session.bucket(bucketOf(run));
	const { senderKey, receiverKey } = names;
	const [key, other] = side === "sender" ? [senderKey, receiverKey] : [receiverKey, senderKey];
	const { epoch, hasPredecessor } = await nextEpoch(bucket, key, task);
	return {
		session,
		names,
		epoch,
		hasPredecessor,
		currentEpoch: async () => (await bucket.get(key))?.revision ?? 0,
		isSecond: async () => ((await bucket.get(other))?.revision ?? Number.POSITIVE_INFINITY) < epoch,
	};
}

/** The result of `open`, which is repeated while the server does not answer. Its errors become errors of ours. */
export async function explaining<T>({ session }: EndpointOptions, open: () => Promise<T>): Promise<T> {
	const { explain } = await session();
	const deadline = performance.now() + SILENCE;
	for (;;) {
		try {
			return await open();
		} catch (error) {
			if (!isAbsent(error) || performance.now() > deadline) throw explain(error);
		}
		await sleep(PAUSE);
	}
}

/** Writes the entry of an endpoint. Its revision is higher than that of every entry before. */
async function nextEpoch(
	bucket: KV,
	key: string,
	task: string,
): Promise<Pick<Endpoint, "epoch" | "hasPredecessor">> {
	const deadline = performance.now() + PATIENCE;
	for (;;) {
		try {
			const { revision = 0 } = (await bucket.get(key)) ?? {};
			return {
				epoch: await bucket.put(key, task, { previousSeq: revision }),
				hasPredecessor: revision !== 0,
			};
		} catch (error) {
			// Another process has written it just now. Or nothing has answered, because one has just created the bucket.
			const isTemporary = isConflict(error) || isErrorNamed(error, "JetStreamNotEnabled");
			if (!isTemporary || performance.now() > deadline) throw error;
			await sleep(PAUSE);
		}
	}
}
