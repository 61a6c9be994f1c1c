/** The two sides of a queue: which participant holds each, taking one, and leaving it. */
import {
	OK,
	QUEUE_CONSUMER,
	QUEUE_CONSUMER_COUNT,
	QUEUE_PRODUCER,
	QUEUE_PRODUCER_COUNT,
	STATUS_LIMIT,
	TAKEN,
} from "../../assembly/layout.js";
import { labelOf } from "../attachment/participants.js";
import { DhmemError } from "../errors.js";
import type { NamedObject } from "../objects/named-object.js";

export type Side = "producer" | "consumer";

const words = {
	producer: { holder: QUEUE_PRODUCER, count: QUEUE_PRODUCER_COUNT },
	consumer: { holder: QUEUE_CONSUMER, count: QUEUE_CONSUMER_COUNT },
};

/** Returns the participant that holds this endpoint of the queue, 0 if none does. */
export function holderOf(queue: NamedObject, side: Side): number {
	return queue.word(words[side].holder);
}

/** Returns the number of participants that have held this endpoint so far. */
export function holdersSoFar(queue: NamedObject, side: Side): number {
	return queue.word(words[side].count);
}

/** Takes an endpoint for this participant. @throws DHMEM_ENDPOINT_TAKEN */
export function takeEndpoint(queue: NamedObject, side: Side): void {
	const { attachment, at } = queue;
	const { core, me } = attachment;
	const attach = () =>
		(side === "producer" ? core.attachProducer(me, at) : core.attachConsumer(me, at)) >>> 0;
	let result = attach();
	if (result === TAKEN && attachment.recover() > 0) result = attach();
	if (result === TAKEN) {
		const who = attachment.result();
		const slot = (who & 0xff) - 1;
		const label = who === me ? "this participant" : labelOf(attachment, slot);
		throw new DhmemError(
			"DHMEM_ENDPOINT_TAKEN",
			`Queue ${queue.name} already has a ${side} (${label}, slot ${slot}), and can have only one at ` +
				"a time; close that one first, or wait for it to leave with " +
				`queue.acquire${side === "producer" ? "Producer" : "Consumer"}()`,
		);
	}
	if (result !== OK && result < STATUS_LIMIT) throw attachment.unexpected(result, nameOf(queue, side));
	attachment.wake(result);
}

/** Gives up an endpoint of this participant, and returns the doorbell to ring. */
export function leaveEndpoint({ attachment, at }: NamedObject, side: Side): number {
	const { core, me } = attachment;
	return (side === "producer" ? core.detachProducer(me, at) : core.detachConsumer(me, at)) >>> 0;
}

/** Asks the other side of the queue to ring when it has changed something. */
export function announce({ attachment, at }: NamedObject, side: Side): void {
	const { core, me } = attachment;
	if (side === "producer") core.announceProducer(me, at);
	else core.announceConsumer(me, at);
}

/** How error messages name an endpoint. */
export function nameOf(queue: NamedObject, side: Side): string {
	return `The ${side} of queue ${queue.name}`;
}
