/** Recovery from a producer that died while it ended its stream, against the consumer. */
import { EMPTY, ENDED, OK, SLOT_RESULT, STATUS_LIMIT } from "../../../assembly/layout.js";
import { type Kind, letters, messages, records, saysEnded } from "../../crash-points/scenarios/ends.js";
import { attach } from "../../crash-points/scenarios/messages.js";
import type { Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import { expect } from "../stage.js";
import type { Program } from "../stepper.js";
import { dead } from "./dying.js";

/** What each kind's consumer calls to receive. */
const calls = new Map<Kind, "peek" | "recordsAvailable" | "mailboxTake">([
	[messages, "peek"],
	[records, "recordsAvailable"],
	[letters, "mailboxTake"],
]);

/** Receives up to two ends, with nothing else in the queue. */
function* seeEnds(kind: Kind, who: Participant, queue: number, received: string[]): Program {
	for (let turn = 0; turn < 2; turn++) {
		const status = yield [calls.get(kind) ?? "peek", who.me, queue];
		if (status === EMPTY) return;
		expect(status === ENDED, `receiving gave ${status}`);
		received.push("end");
		const doorbell = who.result(SLOT_RESULT);
		expect(doorbell === OK || doorbell >= STATUS_LIMIT, `the doorbell is ${doorbell}`);
	}
}

/** @param again true if the stream before was empty too, and the consumer has read its end */
function ending(kind: Kind, name: string, again: boolean): Pair[] {
	return dead(name, [0, 1, 2, 3, 4, 5, 6], ({ b, observer }, victim) => {
		const queue = kind.construct(observer);
		attach(b, queue, "consumer");
		if (again) {
			attach(observer, queue, "producer");
			kind.end(observer, queue);
			observer.core.detachProducer(observer.me, queue);
			expect(kind.receive(b, queue).join() === "end", "no end");
		}
		attach(victim, queue, "producer");
		let received: string[] = [];
		return {
			dying: () => void kind.end(victim, queue),
			living: (who) => seeEnds(kind, who, queue, received),
			reset: () => {
				received = [];
			},
			check: () => {
				const says = saysEnded(observer, queue);
				received.push(...kind.receive(b, queue));
				expect(received.join() === (says ? "end" : ""), `${received} came, and it ended: ${says}`);
			},
			tidy: () => expect(observer.remove(kind.object) === OK, "the queue is lost"),
		};
	});
}

export const ends: Pair[] = [messages, records, letters].flatMap((kind) => [
	...ending(kind, `ending the stream of ${kind.name}`, false),
	...ending(kind, `ending the stream of ${kind.name} again`, true),
]);
