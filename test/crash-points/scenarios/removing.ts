/** Removing named objects, and leaving removed ones. */
import { FULL, KIND_STRUCT, NOT_FOUND, OBJECT_DATA, OK, STATUS_LIMIT } from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import { listed, sharing } from "./bucket.js";
import type { Specimen } from "./specimens.js";
import { expect, hold, isFilled, type Scenario } from "./stage.js";

/** `victim` removes an object with contents; `pins` says who else has it open. */
export function removing(specimen: Specimen, pins: "nobody" | "the other" | "a third"): Scenario {
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

/** `victim`, and perhaps `other`, have a removed object open, and give it up. */
export function leaving(specimen: Specimen, how: "close" | "leave", both: boolean): Scenario {
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

/** Both remove the same object; one of them succeeds. */
export function removingTogether(specimen: Specimen): Scenario {
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

/** `victim` removes some of four objects in one list, and `other` one, which it may have open. */
export function removingNeighbours(which: number[], intruding: number[], keeps: boolean): Scenario {
	const names = sharing.slice(0, 4);
	return {
		name: `remove ${which} of a list of 4, while another removes ${intruding}${keeps ? ", open" : ""}`,
		prepare: (stage) => {
			const { victim, other } = stage;
			// The newest object is the first in the list.
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

export const removingAnew: Scenario = {
	name: "remove, and construct the same name anew",
	prepare: (stage) => {
		const { victim, other, world } = stage;
		const dataOf = (object: number) => world.words[(object + OBJECT_DATA) >> 2] as number;
		const old = other.construct("a", KIND_STRUCT, { capacity: 1024 });
		world.bytes.fill(1, dataOf(old), dataOf(old) + 1024);
		/** Another object, which `other` has opened. */
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
