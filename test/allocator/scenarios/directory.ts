/** Named objects: making, opening, removing, and looking at them. */
import {
	BAD_HANDLE,
	FULL,
	KIND_QUEUE,
	KIND_STRUCT,
	NOT_FOUND,
	NOT_OWNER,
	OBJECT_DATA,
	OBJECT_NAME_LENGTH,
	OBJECT_NONCE,
	OK,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import { attach, receiveAll } from "./messages.js";
import { type Specimen, specimens } from "./specimens.js";
import { expect, hold, isFilled, own, type Scenario, SMALL } from "./stage.js";

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
					// Whoever made it, it is whole, and both endpoints are free.
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

/** `victim` removes what is not empty; `pins` says who has it open beside. */
function removing(specimen: Specimen, pins: "nobody" | "the other" | "a third"): Scenario {
	return {
		name: `remove ${specimen.what} that ${pins} has open`,
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const third = world.participant(3);
			const object = specimen.construct(other, "a");
			specimen.fill(stage, other, object);
			if (pins !== "the other") other.core.unpin(other.me, object);
			if (pins === "a third") third.open("a");
			let removed = false;
			return {
				reset: () => {
					removed = false;
				},
				act: () => {
					expect(victim.remove("a") === OK, "it could not be removed");
					removed = true;
					expect(victim.remove("a") === NOT_FOUND, "it was removed twice");
				},
				intrude: () => {
					if (pins === "the other") specimen.check(other, object);
					if (pins === "a third") {
						specimen.check(third, object);
						other.recover(third.slot);
					}
					hold(stage, 256);
				},
				verify: () => {
					if (pins === "the other") specimen.check(other, object);
					other.recover(third.slot);
					const found = other.open("a");
					expect(!removed || found === NOT_FOUND, "what was removed is found");
					if (found !== NOT_FOUND) {
						expect(found === object, `looking gave ${found}`);
						specimen.check(other, object);
						expect(other.remove("a") === OK, "it could not be removed");
					} else if (pins === "the other") other.core.unpin(other.me, object);
				},
			};
		},
	};
}

/** `victim`, and perhaps `other`, have an object open that was removed, and give it up. */
function leaving(specimen: Specimen, how: "close" | "leave", both: boolean): Scenario {
	return {
		name: `${how} ${specimen.what} that was removed, as ${both ? "another does" : "the last"}`,
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const third = world.participant(3);
			const object = specimen.construct(third, "a");
			specimen.fill(stage, third, object);
			expect(victim.open("a") === object, "it is not found");
			if (both) other.open("a");
			expect(third.remove("a") === OK, "it could not be removed");
			other.recover(third.slot);
			let open = both;
			return {
				reset: () => {
					open = both;
				},
				act: () => {
					if (how === "close") victim.core.unpin(victim.me, object);
					else expect(victim.recover(victim.slot).status === OK, "leaving failed");
				},
				intrude: () => {
					if (open) {
						specimen.check(other, object);
						other.core.unpin(other.me, object);
					}
					open = false;
					hold(stage, 256);
				},
				verify: () => {
					if (!open) return;
					specimen.check(other, object);
					other.core.unpin(other.me, object);
				},
			};
		},
	};
}

/** Both remove the same; one of them has done it. */
function removingTogether(specimen: Specimen): Scenario {
	return {
		name: `remove ${specimen.what} while another does`,
		prepare: (stage) => {
			const { victim, other } = stage;
			const object = specimen.construct(other, "a");
			specimen.fill(stage, other, object);
			other.core.unpin(other.me, object);
			let removals = 0;
			let begun = false;
			const remove = (who: Participant) => {
				const status = who.remove("a");
				expect(status === OK || status === NOT_FOUND, `removing gave ${status}`);
				if (status === OK) removals++;
			};
			return {
				reset: () => {
					removals = 0;
					begun = false;
				},
				act: () => {
					begun = true;
					remove(victim);
					begun = false;
					expect(removals === 1, `it was removed ${removals} times`);
				},
				intrude: () => remove(other),
				verify: () => {
					if (begun || removals === 0) remove(other);
					expect(removals <= 1 && (begun || removals === 1), `it was removed ${removals} times`);
					expect(other.find("a") === NOT_FOUND, "what was removed is found");
				},
			};
		},
	};
}

/** The objects of the bucket, from first to last, as who goes through it sees them. */
function listed(who: Participant, name: string): number[] {
	const objects = [];
	for (let object = 0; ; ) {
		object = who.core.nextObject(bucketOf(name), object) >>> 0;
		if (object < STATUS_LIMIT) return objects;
		objects.push(object);
		expect(objects.length < 100, "a list without an end");
	}
}

/** `victim` removes some of four in one list, and `other` one, which it may have open. */
function removingNeighbours(which: number[], intruding: number[], keeps: boolean): Scenario {
	const names = sharing.slice(0, 4);
	return {
		name: `remove ${which} of a list of 4, while another removes ${intruding}${keeps ? ", open" : ""}`,
		prepare: (stage) => {
			const { victim, other } = stage;
			// The last one made is the first in the list.
			const objects = names
				.toReversed()
				.map((name) => other.construct(name, KIND_STRUCT, { capacity: 100 }))
				.reverse();
			if (!keeps) for (const object of objects) other.core.unpin(other.me, object);
			const gone = new Set<number>();
			let begun = -1;
			return {
				reset: () => {
					gone.clear();
					begun = -1;
				},
				act: () => {
					for (const index of which) {
						begun = index;
						expect(victim.remove(names[index] as string) === OK, "it could not be removed");
						gone.add(index);
						begun = -1;
						expect(victim.find(names[index] as string) === NOT_FOUND, "what was removed is found");
					}
				},
				intrude: () => {
					for (const index of intruding) {
						const status = other.remove(names[index] as string);
						expect(status === OK, `removing gave ${status}`);
						gone.add(index);
					}
					hold(stage, 100);
				},
				verify: () => {
					for (const [index, name] of names.entries()) {
						const found = other.find(name);
						const isThere = found !== NOT_FOUND;
						expect(!isThere || found === objects[index], `${name} is ${found}`);
						expect(isThere === !gone.has(index) || index === begun, `${name} is lost, or found`);
						expect(listed(other, name).includes(objects[index] as number) === isThere, "not as listed");
						if (isThere) expect(other.remove(name) === OK, `${name} could not be removed`);
						else if (keeps && !intruding.includes(index))
							other.core.unpin(other.me, objects[index] as number);
					}
					expect(listed(other, "a").length === 0, "something is left in the list");
				},
			};
		},
	};
}

const ANEW = { capacity: 1024, nonce: 2 };

const removingAnew: Scenario = {
	name: "remove, and construct the same name anew",
	prepare: (stage) => {
		const { victim, other, world } = stage;
		const dataOf = (object: number) => world.words[(object + OBJECT_DATA) >> 2] as number;
		const old = other.construct("a", KIND_STRUCT, { capacity: 1024 });
		world.bytes.fill(1, dataOf(old), dataOf(old) + 1024);
		/** Another that `other` has opened. */
		let opened = 0;
		return {
			reset: () => {
				opened = 0;
			},
			act: () => {
				expect(victim.remove("a") === OK, "it could not be removed");
				const anew = victim.construct("a", KIND_STRUCT, ANEW);
				if (anew === FULL) return;
				expect(anew !== old, "an object was freed that another has open");
				expect(dataOf(anew) !== dataOf(old), "a block was freed that another has open");
			},
			intrude: () => {
				const found = other.open("a");
				if (found >= STATUS_LIMIT && found !== old) opened = found;
				expect(isFilled(world, dataOf(old), 1024, 1), "what another has open was changed");
				hold(stage, 1024);
			},
			verify: () => {
				const { core, me } = other;
				expect(isFilled(world, dataOf(old), 1024, 1), "what another has open was changed");
				const found = other.find("a");
				expect(found === NOT_FOUND || opened === 0 || found === opened, "there are two of one name");
				if (found !== NOT_FOUND) {
					expect(core.capacityOf(dataOf(found)) >>> 0 >= 1024, "its data are lost");
					expect(core.isNoted(found, found === old ? 1 : 2, 0) !== 0, "it has another nonce");
					expect(other.remove("a") === OK, "it could not be removed");
				}
				if (found !== old) core.unpin(me, old);
			},
		};
	},
};

/** `victim` opens an object, by name or nonce, while `other` removes it, and perhaps makes another. */
function opening(how: "open" | "openAt", then: "remove" | "replace" | "leave it"): Scenario {
	return {
		name: `${how}, while another will ${then}`,
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const dataOf = (object: number) => world.words[(object + OBJECT_DATA) >> 2] as number;
			const make = (nonce: number) => {
				const object = other.construct("a", KIND_STRUCT, { capacity: 1024, nonce });
				world.bytes.fill(nonce, dataOf(object), dataOf(object) + 1024);
				other.core.unpin(other.me, object);
				return object;
			};
			const object = make(1);
			let changed = false;
			return {
				reset: () => {
					changed = false;
				},
				act: () => {
					const { core, me } = victim;
					let found = object;
					if (how === "open") found = victim.open("a");
					else {
						const status = core.openAt(me, object, 1, 0) >>> 0;
						expect(status === OK || (changed && status === BAD_HANDLE), `opening gave ${status}`);
						if (status !== OK) found = NOT_FOUND;
					}
					if (found === NOT_FOUND) return expect(changed, "it was not found");
					const nonce = world.words[(found + OBJECT_NONCE) >> 2] as number;
					expect(nonce === 1 || (changed && then === "replace" && how === "open"), "it is another");
					// What it has open is not changed by others, nor is anything else when it writes there.
					expect(victim.core.checkOwned(me, dataOf(found)) >>> 0 === NOT_OWNER, "its data are nobody's");
					expect(isFilled(world, dataOf(found), 1024, nonce), "what was opened was changed");
					core.unpin(me, found);
				},
				intrude: () => {
					if (then !== "leave it") expect(other.remove("a") === OK, "it could not be removed");
					changed = then !== "leave it";
					for (let i = 0; i < 3; i++) hold(stage, 1024);
					if (then === "replace") make(2);
				},
				verify: () => {
					if (changed && then === "remove") return expect(other.find("a") === NOT_FOUND, "it is found");
					const found = other.open("a");
					const nonce = world.words[(found + OBJECT_NONCE) >> 2] as number;
					expect(nonce === (changed ? 2 : 1), `there is ${nonce}`);
					expect(isFilled(world, dataOf(found), 1024, nonce), "what is there was changed");
					expect(other.remove("a") === OK, "it could not be removed");
				},
			};
		},
	};
}

/**
 * `victim` opens an object, which `other` removes, to make another of its name in the same place: that so many
 * accesses later.
 */
function openingTwice(later: number): Scenario {
	return {
		name: `open, while another takes it away, and ${later} accesses later puts one of its name in its place`,
		prepare: ({ victim, other, world }) => {
			const made = { capacity: 1024 };
			other.core.unpin(other.me, other.construct("a", KIND_STRUCT, made));
			const dataOf = (object: number) => world.words[(object + OBJECT_DATA) >> 2] as number;
			let prepared = 0;
			return {
				reset: () => {
					prepared = 0;
				},
				act: () => {
					const found = victim.open("a");
					if (found === NOT_FOUND) return;
					// It stays until `victim` lets go of it.
					const status = other.remove("a");
					expect(status === OK || status === NOT_FOUND, `removing gave ${status}`);
					const owned = other.core.checkOwned(other.me, dataOf(found)) >>> 0;
					expect(owned === NOT_OWNER, "an object was freed that somebody has open");
					// Not a part of what is swept.
					other.core.unpin(victim.me, found);
				},
				intrude: () => {
					const status = other.remove("a");
					expect(status === OK || status === NOT_FOUND, `removing gave ${status}`);
					prepared = other.committing(() => other.core.allocateObject(other.me));
					let left = later;
					victim.onAccess = () => {
						if (--left !== 0) return;
						expect(other.place(prepared, "a", KIND_STRUCT, made) === OK, "it could not be made");
						prepared = 0;
					};
				},
				verify: () => {
					if (prepared !== 0) other.core.freeInternal(other.me, prepared);
					expect([OK, NOT_FOUND].includes(other.remove("a")), "it could not be removed");
				},
			};
		},
	};
}

/** `victim` opens an object that `other` takes away, and dies so many accesses later; another comes there. */
function openingDying(later: number): Scenario {
	return {
		name: `open, while another takes it away, and die ${later} accesses later`,
		prepare: ({ victim, other }) => {
			const made = { capacity: 1024 };
			const object = other.construct("a", KIND_STRUCT, made);
			other.core.unpin(other.me, object);
			const death = new Error("dead");
			return {
				act: () => {
					try {
						victim.open("a");
					} catch (error) {
						if (error !== death) throw error;
					}
				},
				intrude: () => {
					const status = other.remove("a");
					expect(status === OK, `removing gave ${status}`);
					let left = later;
					victim.onAccess = () => {
						if (--left === 0) throw death;
					};
				},
				verify: () => {
					expect([OK, NOT_FOUND].includes(other.remove("a")), "it could not be removed");
					const { core, me } = other;
					const blocks: number[] = [];
					while (!blocks.includes(object) && blocks.length < 200) {
						blocks.push(other.committing(() => core.allocateObject(me)));
					}
					expect(other.place(object, "b", KIND_STRUCT, made) === OK, "there could be no other");
					expect(other.remove("b") === OK, "it could not be removed");
					for (const block of blocks) if (block !== object) core.freeInternal(me, block);
				},
			};
		},
	};
}

const handleOfAnother: Scenario = {
	name: "openAt, by a handle of what was removed, where there is another now",
	prepare: ({ victim, other }) => {
		const old = other.construct("a", KIND_STRUCT, { capacity: 1024, nonce: 1 });
		expect(other.remove("a") === OK, "it could not be removed");
		const object = other.construct("b", KIND_STRUCT, { capacity: 1024, nonce: 2 });
		expect(object === old, "it is not where the first was");
		return {
			act: () => {
				const { core, me } = victim;
				expect(core.openAt(me, object, 1, 0) >>> 0 === BAD_HANDLE, "an old handle is good");
				expect(core.openAt(me, object, 2, 0) >>> 0 === OK, "a handle is bad");
				expect(core.openAt(me, object + 64, 2, 0) >>> 0 === BAD_HANDLE, "a made-up handle is good");
			},
			verify: () => {
				expect(other.remove("b") === OK, "it could not be removed");
			},
		};
	},
};

/** `victim` looks for what is last in its list, while `other` moves what is before it to other lists. */
const lookingPast: Scenario = {
	name: "look for the last of a list, while another takes those before it away",
	prepare: ({ victim, other }) => {
		const names = sharing.slice(0, 2);
		const elsewhere = ["elsewhere", "in another list"];
		const object = other.construct("a", KIND_STRUCT, { capacity: 64 });
		for (const name of names) other.construct(name, KIND_STRUCT, { capacity: 64 });
		let moved = false;
		return {
			reset: () => {
				moved = false;
			},
			act: () => {
				for (let turn = 0; turn < 2; turn++) expect(victim.find("a") === object, "it is not found");
				expect(victim.open("a") === object, "it is not found");
			},
			intrude: () => {
				for (const name of names) expect(other.remove(name) === OK, "it could not be removed");
				for (const name of elsewhere) other.construct(name, KIND_STRUCT, { capacity: 64 });
				moved = true;
			},
			verify: () => {
				for (const name of ["a", ...(moved ? elsewhere : names)])
					expect(other.remove(name) === OK, `${name} could not be removed`);
			},
		};
	},
};

/** The list begins with the same object afterwards, which is another. */
const constructingAnew: Scenario = {
	name: "construct, while another puts one of this name anew in the place of the first",
	prepare: ({ victim, other, world }) => {
		const first = sharing[0] as string;
		const object = other.construct(first, KIND_STRUCT, { capacity: 64 });
		let changed = false;
		return {
			reset: () => {
				changed = false;
			},
			act: () => {
				const made = victim.construct("a", KIND_STRUCT, { capacity: 64 });
				expect(made === FULL || victim.find("a") === made, "what was made is not found");
			},
			intrude: () => {
				expect(other.remove(first) === OK, "it could not be removed");
				const anew = other.construct("a", KIND_STRUCT, { capacity: 64 });
				expect(anew === object || other.find("a") === anew, "what was made is not found");
				changed = true;
			},
			verify: () => {
				const lengths = listed(other, "a").map((each) => world.words[(each + OBJECT_NAME_LENGTH) >> 2]);
				expect(lengths.filter((length) => length === 1).length <= 1, "there are two of one name");
				if (!changed) expect(other.remove(first) === OK, "it could not be removed");
				expect(other.remove("a") === OK || !changed, "it could not be removed");
			},
		};
	},
};

/** Everything that writes nothing, while `other` makes and removes. */
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
