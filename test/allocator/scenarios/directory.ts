/** Named objects: making, opening and removing them. */
import { FULL, KIND_QUEUE, NOT_FOUND, STATUS_LIMIT } from "../../../assembly/layout.js";
import { attach, receiveAll } from "./messages.js";
import { expect, type Scenario } from "./stage.js";

function bucketOf(name: string): number {
	let hash = 2166136261;
	for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 16777619);
	return hash & 63;
}

/** Names that share a bucket with "a". */
const sharing = Array.from({ length: 5000 }, (_, i) => `n${i}`).filter(
	(name) => bucketOf(name) === bucketOf("a"),
);

function constructing(name: string, present: string[]): Scenario {
	return {
		name: `construct ${name}`,
		prepare: ({ victim, other, world }) => {
			for (const each of present) other.construct(each, KIND_QUEUE, { capacity: 1024 });
			const intruder = sharing[40] as string;
			return {
				act: () => {
					const object = victim.construct("a", KIND_QUEUE, { capacity: 1024 });
					if (object === FULL) return;
					expect(victim.find("a") === object, "what was made is not found");
				},
				intrude: () => {
					// Somebody uses it at once, and dies.
					const third = world.participant(3);
					const early = third.open("a");
					if (early >= STATUS_LIMIT) {
						attach(third, early, "producer");
						attach(third, early, "consumer");
					}
					other.recover(third.slot);
					other.construct("a", KIND_QUEUE, { capacity: 1024 });
					other.construct(intruder, KIND_QUEUE, { capacity: 1024 });
				},
				verify: () => {
					const { core, me } = other;
					for (const each of present) expect(other.find(each) >= STATUS_LIMIT, `${each} was lost`);
					expect(other.find("absent") === NOT_FOUND, "a name from nowhere");
					// Whoever made it, it is whole, and both ends are free.
					for (const each of ["a", intruder]) {
						const object = other.construct(each, KIND_QUEUE, { capacity: 1024 });
						expect(core.capacityOf(object) > 0, "an object that is no block");
						expect(receiveAll(other, object).length === 0, "a queue that is not empty");
						attach(other, object, "producer");
						expect(other.send(object, "hello"), "no room in a new queue");
						core.detachProducer(me, object);
						expect(receiveAll(other, object)[0] === "hello", "a new queue that loses messages");
					}
				},
			};
		},
	};
}

export const directory: Scenario[] = [
	constructing("the first of its bucket", []),
	constructing("the second of its bucket", sharing.slice(0, 1)),
	constructing("the seventeenth of its bucket", sharing.slice(0, 16)),
];
