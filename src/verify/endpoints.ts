/**
 * The two endpoints of a queue of any kind.
 *
 * ```text
 *  E1  PRODUCER and CONSUMER are 0 or participants that have the queue open
 *  E2  …_WAITS are 0 or 1
 *  E3  ENDED ≤ PRODUCER_COUNT
 * ```
 */
import {
	QUEUE_CONSUMER,
	QUEUE_CONSUMER_WAITS,
	QUEUE_ENDED,
	QUEUE_PRODUCER,
	QUEUE_PRODUCER_COUNT,
	QUEUE_PRODUCER_WAITS,
} from "../../assembly/layout.js";
import { isPinnedBy } from "./directory.js";
import type { Subject } from "./subject.js";

export function checkEndpoints({ memory, object, word, fail }: Subject): void {
	for (const [side, field] of [
		["producer", QUEUE_PRODUCER],
		["consumer", QUEUE_CONSUMER],
	] as const) {
		const holder = word(field);
		if (holder !== 0 && !isPinnedBy(memory, object, holder))
			fail("E1", `has participant ${holder} as its ${side}, which does not have it open`);
	}
	if (word(QUEUE_PRODUCER_WAITS) > 1 || word(QUEUE_CONSUMER_WAITS) > 1)
		fail("E2", "has an endpoint whose wait flag is neither 0 nor 1");
	if (word(QUEUE_ENDED) > word(QUEUE_PRODUCER_COUNT))
		fail(
			"E3",
			`was ended by producer number ${word(QUEUE_ENDED)}, but has had only ${word(QUEUE_PRODUCER_COUNT)}`,
		);
}
