/** Shared blocks: each has several references, and goes with the last one. */
import {
	FULL,
	KIND_QUEUE,
	OK,
	REFERENCE_BYTES,
	SLOT_RESULT_4,
	SPAN_BYTES,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import { attach, CAPACITY, receive, receiveAll, tryOut } from "./messages.js";
import { expect, hold, isFilled, own, type Scenario, SMALL, type Stage } from "./stage.js";

/** A block of `who` with a reference to it, or 0. */
function share(stage: Stage, who: Participant, bytes: number): number {
	const { core, me } = who;
	const block = own({ ...stage, victim: who }, bytes);
	if (block === 0) return 0;
	const record = who.committing(() => core.allocateShare(me));
	if (record < STATUS_LIMIT) {
		expect(record === FULL && who.free(block) === OK, `a record for a share gave ${record}`);
		return 0;
	}
	const reference = core.share(me, block, record) >>> 0;
	expect(reference >= STATUS_LIMIT, `sharing gave ${reference}`);
	expect(who.free(block) !== OK && who.free(record) !== OK, "what is shared could be freed");
	return reference;
}

function addReference({ core, me }: Participant, reference: number): number {
	const another = core.addReference(me, reference) >>> 0;
	expect(another >= STATUS_LIMIT && another !== reference, `another reference gave ${another}`);
	return another;
}

function expectWhole({ core, world }: Participant, reference: number, bytes: number): void {
	expect(isFilled(world, core.bytesOf(reference) >>> 0, bytes, 0xee), "what is shared is not whole");
	expect(core.capacityOf(reference) >>> 0 >= bytes, "what is shared has no room");
}

function giveUp(who: Participant, reference: number): void {
	const status = who.free(reference);
	expect(status === OK, `giving up a reference gave ${status}`);
}

/** Sends a reference, which then belongs to the receiver. */
function sendReference(who: Participant, queue: number, reference: number, bytes: number): void {
	const { core, me } = who;
	const payload = core.reserve(me, queue, REFERENCE_BYTES) >>> 0;
	expect(payload >= STATUS_LIMIT, `reserving gave ${payload}`);
	const status = core.commitBlock(me, queue, REFERENCE_BYTES, 0, reference, bytes) >>> 0;
	expect(status === OK || status >= STATUS_LIMIT, `sending a reference gave ${status}`);
	expect(who.free(reference) !== OK, "a reference that was sent could be given up");
}

/** Takes the reference of the next message. */
function takeReference(who: Participant, queue: number): number {
	const message = receive(who, queue);
	expect(typeof message === "object", `receiving gave ${message}`);
	const reference = who.result(SLOT_RESULT_4);
	const status = who.core.release(who.me, queue, message.position, 1) >>> 0;
	expect(status === OK || status >= STATUS_LIMIT, `taking gave ${status}`);
	return reference;
}

/** Two references to one block, held by two participants. */
function shareWith(stage: Stage, one: Participant, two: Participant, bytes: number): [number, number] {
	const mine = share(stage, one, bytes);
	const theirs = addReference(one, mine);
	const queue = one.construct("gift", KIND_QUEUE, { capacity: CAPACITY });
	two.open("gift");
	attach(one, queue, "producer");
	attach(two, queue, "consumer");
	sendReference(one, queue, theirs, bytes);
	expect(takeReference(two, queue) === theirs, "another reference came");
	one.core.detachProducer(one.me, queue);
	two.core.detachConsumer(two.me, queue);
	expect(one.remove("gift") === OK, "the queue could not be removed");
	two.core.unpin(two.me, queue);
	return [mine, theirs];
}

/**
 * `victim` and `other` have a reference each. `victim` does `act` with its own. `other` does `intrude`, which returns
 * the references that `other` has then.
 */
function withTwo(
	name: string,
	bytes: number,
	act: (stage: Stage, reference: number) => void,
	intrude: (stage: Stage, reference: number) => number[] = ({ other }, reference) => {
		giveUp(other, reference);
		return [];
	},
): Scenario {
	return {
		name: `a shared block of ${bytes}: ${name}`,
		prepare: (stage) => {
			const { victim, other } = stage;
			const [mine, theirs] = shareWith(stage, victim, other, bytes);
			let left = [theirs];
			return {
				reset: () => {
					left = [theirs];
				},
				act: () => act(stage, mine),
				intrude: () => {
					expectWhole(other, theirs, bytes);
					left = intrude(stage, theirs);
				},
				verify: () => {
					for (const reference of left) {
						expectWhole(other, reference, bytes);
						giveUp(other, reference);
					}
				},
			};
		},
	};
}

const NONCE = [5, 6] as const;

export const shares: Scenario[] = [SMALL, 2 * SPAN_BYTES].flatMap((bytes): Scenario[] => [
	{
		name: `a shared block of ${bytes}: sharing, two more, giving up all`,
		prepare: (stage) => ({
			act: () => {
				const { victim } = stage;
				const reference = share(stage, victim, bytes);
				if (reference === 0) return;
				const second = addReference(victim, reference);
				const third = addReference(victim, second);
				giveUp(victim, reference);
				expect(addReference(victim, second) === reference, "a place for a reference is lost");
				for (const each of [second, reference, third]) {
					expectWhole(victim, each, bytes);
					giveUp(victim, each);
				}
				expect(victim.free(third) !== OK, "a reference was given up twice");
			},
			intrude: () => hold(stage, bytes),
		}),
	},
	{
		name: `a shared block of ${bytes}: sharing`,
		prepare: (stage) => {
			const { victim } = stage;
			share(stage, victim, SMALL);
			const block = own(stage, bytes);
			return {
				act: () => {
					const { core, me } = victim;
					const record = core.allocateShare(me) >>> 0;
					expect(record >= STATUS_LIMIT, `a record for a share gave ${record}`);
					expectWhole(victim, core.share(me, block, record) >>> 0, bytes);
				},
				intrude: () => hold(stage, bytes),
			};
		},
	},
	withTwo("giving up one", bytes, ({ victim }, reference) => {
		expectWhole(victim, reference, bytes);
		giveUp(victim, reference);
	}),
	withTwo(
		"giving up one, while the other begins to share another",
		bytes,
		({ victim }, reference) => giveUp(victim, reference),
		(stage, reference) => {
			const { other } = stage;
			giveUp(other, reference);
			const another = share(stage, other, bytes);
			if (another === 0) return [];
			// It may be in the place of the first.
			hold(stage, bytes);
			expectWhole(other, another, bytes);
			giveUp(other, another);
			return [];
		},
	),
	withTwo("adding one", bytes, ({ victim }, reference) => {
		const another = addReference(victim, reference);
		giveUp(victim, reference);
		expectWhole(victim, another, bytes);
	}),
	withTwo(
		"adding one, while the other does",
		bytes,
		({ victim }, reference) => {
			giveUp(victim, addReference(victim, reference));
		},
		({ other }, reference) => [reference, addReference(other, reference)],
	),
	{
		name: `a shared block of ${bytes}: leaving, with references`,
		prepare: (stage) => {
			const { victim, other } = stage;
			const [mine, theirs] = shareWith(stage, victim, other, bytes);
			for (let i = 0; i < 3; i++) addReference(victim, mine);
			share(stage, victim, SMALL);
			return {
				act: () => {
					expect(victim.recover(victim.slot).status === OK, "leaving failed");
				},
				intrude: () => expectWhole(other, theirs, bytes),
				verify: () => {
					expectWhole(other, theirs, bytes);
					giveUp(other, theirs);
				},
			};
		},
	},
	{
		name: `a shared block of ${bytes}: sending a reference, and keeping one`,
		prepare: (stage) => {
			const { victim, other } = stage;
			const reference = share(stage, victim, bytes);
			const queue = other.construct("queue", KIND_QUEUE, { capacity: CAPACITY });
			victim.open("queue");
			attach(victim, queue, "producer");
			attach(other, queue, "consumer");
			let sent = false;
			let received = 0;
			const receiveIt = () => {
				for (const text of receiveAll(other, queue, true)) {
					expect(text === `+${bytes}`, `received ${text}`);
					received++;
				}
			};
			return {
				reset: () => {
					sent = false;
					received = 0;
				},
				act: () => {
					sendReference(victim, queue, addReference(victim, reference), bytes);
					sent = true;
					expectWhole(victim, reference, bytes);
				},
				intrude: receiveIt,
				verify: () => {
					receiveIt();
					expect(received <= 1 && (received === 1 || !sent), `sent ${sent}, received ${received}`);
					other.core.detachConsumer(other.me, queue);
					tryOut(other, queue);
					expect(other.remove("queue") === OK, "the queue could not be removed");
				},
			};
		},
	},
	{
		name: `a shared block of ${bytes}: receiving references, one of which is kept`,
		prepare: (stage) => {
			const { victim, other } = stage;
			const reference = share(stage, other, bytes);
			const queue = other.construct("queue", KIND_QUEUE, { capacity: CAPACITY });
			victim.open("queue");
			attach(other, queue, "producer");
			attach(victim, queue, "consumer");
			for (let i = 0; i < 3; i++) sendReference(other, queue, addReference(other, reference), bytes);
			return {
				act: () => {
					const { core, me } = victim;
					const taken = takeReference(victim, queue);
					expectWhole(victim, taken, bytes);
					const message = receive(victim, queue);
					expect(typeof message === "object" && message.text === `+${bytes}`, "a reference is not whole");
					core.release(me, queue, message.position, 0);
					giveUp(victim, taken);
				},
				intrude: () => {
					expectWhole(other, reference, bytes);
					giveUp(other, addReference(other, reference));
				},
				verify: () => {
					expectWhole(other, reference, bytes);
					const left = receiveAll(other, queue);
					expect(left.length >= 1 && left.length <= 3, `${left.length} references were left`);
					other.core.detachProducer(other.me, queue);
					giveUp(other, reference);
					expect(other.remove("queue") === OK, "the queue could not be removed");
				},
			};
		},
	},
	{
		name: `a shared block of ${bytes}: saving a reference`,
		prepare: (stage) => {
			const { victim, other } = stage;
			const [mine, theirs] = shareWith(stage, victim, other, bytes);
			let saved = 0;
			return {
				reset: () => {
					saved = 0;
				},
				act: () => {
					const { core, me } = victim;
					const handle = victim.committing(() => core.allocateHandle(me));
					if (handle < STATUS_LIMIT) return;
					expect(core.save(me, handle, ...NONCE, mine, bytes) >>> 0 === OK, "it could not be saved");
					saved = handle;
					expect(core.lookUp(handle, ...NONCE) >>> 0 === mine, "it was not found");
				},
				intrude: () => {
					expectWhole(other, theirs, bytes);
					hold(stage, bytes);
				},
				verify: () => {
					const { core, me } = other;
					expectWhole(other, theirs, bytes);
					giveUp(other, theirs);
					if (saved === 0) return;
					expectWhole(other, core.lookUp(saved, ...NONCE) >>> 0, bytes);
					expect(core.freeSaved(me, saved, ...NONCE) >>> 0 === OK, "what was saved could not be freed");
				},
			};
		},
	},
]);
