/** Opening named objects while others remove and construct them. */
import {
	BAD_HANDLE,
	FULL,
	KIND_STRUCT,
	NOT_FOUND,
	NOT_OWNER,
	OBJECT_DATA,
	OBJECT_NAME_LENGTH,
	OBJECT_NONCE,
	OK,
} from "../../../assembly/layout.js";
import { listed, sharing } from "./bucket.js";
import { expect, hold, isFilled, type Scenario } from "./stage.js";

/** `victim` opens an object, by its name or its nonce, while `other` removes it, and perhaps makes another. */
export function opening(how: "open" | "openAt", then: "remove" | "replace" | "leave it"): Scenario {
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
					// Others don't change the object that it has open, and its own writes there change nothing else.
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
 * `victim` opens an object, which `other` removes, to make another with its name in the same place this many
 * accesses later.
 */
export function openingTwice(later: number): Scenario {
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
					// The object stays until `victim` gives it up.
					const status = other.remove("a");
					expect(status === OK || status === NOT_FOUND, `removing gave ${status}`);
					const owned = other.core.checkOwned(other.me, dataOf(found)) >>> 0;
					expect(owned === NOT_OWNER, "an object was freed that somebody has open");
					// This is not part of the sweep.
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

/** `victim` opens an object that `other` takes away, and dies this many accesses later; another comes to its place. */
export function openingDying(later: number): Scenario {
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

export const handleOfAnother: Scenario = {
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

/** `victim` searches for the last object in its list, while `other` moves those before it to other lists. */
export const lookingPast: Scenario = {
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

/** Afterwards the list begins at the same offset, but with another object. */
export const constructingAnew: Scenario = {
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
