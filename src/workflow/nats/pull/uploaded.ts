/** A block that its sender has stored in the stream, behind its message, because it can't be pulled. */
import { setTimeout as sleep } from "node:timers/promises";
import type { StreamInfo } from "@nats-io/jetstream";
import { DhmemError } from "../../../errors.js";
import type { Endpoint } from "../endpoint.js";
import { BODY } from "../names.js";
import type { Session } from "../session.js";
import { findStream, streamGone } from "../stream.js";
import { type Reason, WITHDRAWN } from "./reference.js";
import type { Retrieval, Retrieved } from "./retrieval.js";

/** Milliseconds between looks, and between requests, which may be lost. */
const PAUSE = 50;
const AGAIN = 1000;

/**
 * Asks a sender to store blocks in the stream.
 *
 * @param which the block that can't be pulled, or the memory that is full (`memoryOf`)
 */
export function askFor({ session, names }: Endpoint, reason: Reason, which: string): void {
	if (!session.connection.isClosed()) session.connection.publish(names.room, `${reason} ${which}`);
}

/** Waits until the block is stored, and copies it. Asks its sender to store it. */
export async function readUploaded(retrieval: Retrieval): Promise<Retrieved> {
	const { endpoint, epoch, position, reference, target, signal } = retrieval;
	const { session, names } = endpoint;
	const subject = `${names.subject}.${epoch}.body`;
	let filled = 0;
	let next = position + 1;
	let asked = Number.NEGATIVE_INFINITY;
	while (!signal.aborted) {
		try {
			if (performance.now() - asked > AGAIN) {
				askFor(endpoint, "unreachable", reference.id);
				asked = performance.now();
			}
			// Before the stream is read: what is not there then does not come any more.
			const info = await findStream(session.manager, names.stream);
			if (info === undefined) throw streamGone(names);
			const isOver = !mayGrow(info, names.subject, epoch);
			for (;;) {
				const record = await nextOf(session, names.stream, subject, next);
				if (record === null || signal.aborted) break;
				next = record.seq + 1;
				const [id, at] = record.header.get(BODY).split(".");
				if (id !== reference.id) continue;
				if (Number(at) === WITHDRAWN) return "withdrawn";
				if (Number(at) !== filled) continue;
				target.set(record.data, filled);
				filled += record.data.length;
				if (filled === target.length) return "whole";
			}
			if (isOver) return "lost";
		} catch (error) {
			// The server does not answer now.
			if (error instanceof DhmemError) throw error;
		}
		await sleep(PAUSE, undefined, { ref: false });
	}
	return "closed";
}

function nextOf({ manager }: Session, stream: string, subject: string, from: number) {
	// The type of the client's parameter lacks this.
	const query = { seq: from, next_by_subj: subject };
	return manager.streams.getMessage(stream, query);
}

/** True if the sender of this epoch may still store something. */
function mayGrow({ config }: StreamInfo, subject: string, epoch: number): boolean {
	return [`${subject}.*.*`, `${subject}.${epoch}.*`].some((each) => config.subjects.includes(each));
}
