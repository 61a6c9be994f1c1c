/** Named objects: constructing and finding them, together with removing and opening. */
import {
	BAD_HANDLE,
	FULL,
	KIND_QUEUE,
	KIND_STRUCT,
	NOT_FOUND,
	OK,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import { listed, sharing } from "./bucket.js";
import { attach, receiveAll } from "./messages.js";
import {
	constructingAnew,
	handleOfAnother,
	lookingPast,
	opening,
	openingDying,
	openingTwice,
} from "./opening.js";
import { leaving, removing, removingAnew, removingNeighbours, removingTogether } from "./removing.js";
import { specimens } from "./specimens.js";
import { expect, own, type Scenario, SMALL } from "./stage.js";

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
					// Another participant uses it at once, and dies.
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
					// Whoever has made it: it is whole, and both endpoints are free.
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

/** Everything that writes nothing, while `other` makes and removes objects. */
const looking: Scenario = {
	name: "look at everything, while another changes it",
	prepare: (stage) => {
		const { victim, other } = stage;
		const map = specimens.map.construct(other, "map");
		specimens.map.fill(stage, other, map);
		const object = other.construct("a", KIND_STRUCT, { capacity: 1024 });
		const block = own(stage, SMALL);
		let changed = false;
		return {
			reset: () => {
				changed = false;
			},
			act: () => {
				const { core, me, world } = victim;
				const found = victim.find("a");
				expect(changed || found === object, "it is not found");
				const noted = core.isNoted(object, 1, 0) !== 0;
				expect(changed || noted, "its nonce is another");
				const list = listed(victim, "a");
				expect(changed || list.includes(object), "it is not listed");
				expect(core.used() > 0 && core.largestFree(world.spans) >= 0, "nothing is used");
				expect(core.bytesOf(block) >>> 0 === block, "a block is not where it is");
				expect(core.capacityOf(block) >>> 0 >= SMALL, "a block has no room");
				expect(core.checkOwned(me, block) >>> 0 === OK, "a block is not its owner's");
				expect(core.lookUp(block, 1, 2) >>> 0 === BAD_HANDLE, "a block is taken for a handle");
				specimens.map.check(victim, map);
			},
			intrude: () => {
				for (const name of sharing.slice(0, 3)) other.construct(name, KIND_STRUCT, { capacity: 64 });
				expect(other.remove("a") === OK, "it could not be removed");
				changed = true;
				for (const name of sharing.slice(0, 3)) expect(other.remove(name) === OK, "it could not be removed");
			},
			verify: () => {
				if (!changed) other.remove("a");
				expect(other.remove("map") === OK, "it could not be removed");
			},
		};
	},
};

const { queue, records, mailbox, struct, mutex, vector, map } = specimens;

const all = [queue, records, mailbox, struct, mutex, vector, map];

export const directory: Scenario[] = [
	constructing("the first of its bucket", []),
	constructing("the second of its bucket", sharing.slice(0, 1)),
	constructing("the seventeenth of its bucket", sharing.slice(0, 16)),
	...all.map((each) => removing(each, "nobody")),
	...all.map((each) => removing(each, "the other")),
	...[queue, struct, mutex, map].map((each) => removing(each, "a third")),
	...[queue, struct, map].map(removingTogether),
	...all.map((each) => leaving(each, "close", false)),
	...all.map((each) => leaving(each, "leave", false)),
	...[queue, struct, map].flatMap((each) => [leaving(each, "close", true), leaving(each, "leave", true)]),
	removingNeighbours([0], [1], false),
	removingNeighbours([1], [0], false),
	removingNeighbours([1], [2], false),
	removingNeighbours([2], [1], true),
	removingNeighbours([3], [2], true),
	removingNeighbours([1, 2], [3], true),
	removingNeighbours([2, 1], [0], false),
	removingNeighbours([3, 0], [1, 2], true),
	removingAnew,
	opening("open", "leave it"),
	opening("open", "remove"),
	opening("open", "replace"),
	opening("openAt", "leave it"),
	opening("openAt", "remove"),
	opening("openAt", "replace"),
	...[1, 3, 5, 7].map(openingTwice),
	...[2, 4, 6].map(openingDying),
	handleOfAnother,
	constructingAnew,
	lookingPast,
	looking,
];
