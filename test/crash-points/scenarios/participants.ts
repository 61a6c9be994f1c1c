/** Participants: joining, leaving, and recovering from one that died. */
import {
	KIND_QUEUE,
	KIND_STRUCT,
	OBJECT_DATA,
	OK,
	SHARE_OWNERS,
	SPAN_BYTES,
} from "../../../assembly/layout.js";
import { attach, CAPACITY, receiveAll, sendBlock, tryOut } from "./messages.js";
import { drop, expect, hold, own, type Scenario, SMALL } from "./stage.js";

/** `victim` recovers from a third participant that died this many writes before the end of `body`. */
function recovering(name: string, before: number, bytes: number): Scenario {
	return {
		name: `recover from one that died ${before} writes before it had ${name}`,
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const third = world.participant(3, "writes");
			const snapshot = world.snapshot();
			third.crashesAt(0, () => void third.allocate(bytes));
			const writes = third.accesses;
			world.restore(snapshot);
			expect(
				third.crashesAt(writes - before, () => void third.allocate(bytes)),
				"it lives",
			);
			return {
				act: () => void victim.recover(third.slot),
				verify: () => void other.recover(third.slot),
			};
		},
	};
}

/** The number of new references, in bytes that contained the number of the dead participant. */
const REFERENCES = 128;

/** `victim` recovers from a third participant, while `other` makes a share where the third one had written. */
const recoveringWhileSharing: Scenario = {
	name: "recover from one while another makes a share where it had written",
	prepare: ({ victim, other, world }) => {
		const { core, me } = other;
		const block = other.allocate(2 * SPAN_BYTES);
		const third = world.participant(3);
		const written = third.allocate(SMALL);
		const start = written + SHARE_OWNERS;
		world.bytes.fill(third.slot + 1, start, start + REFERENCES);
		third.free(written);
		core.reclaim(me);
		const record = other.committing(() => core.allocateShare(me));
		expect(record === written, "the share is elsewhere");
		let references: number[] = [];
		const share = () => {
			references = [core.share(me, block, record) >>> 0];
			while (references.length < REFERENCES)
				references.push(core.addReference(me, references[0] as number) >>> 0);
		};
		return {
			act: () => void victim.recover(third.slot),
			intrude: share,
			reset: () => {
				references = [];
			},
			verify: () => {
				other.recover(third.slot);
				if (references.length === 0) share();
				for (const reference of references) expect(other.free(reference) === OK, "a reference is gone");
			},
		};
	},
};

/** Recovery frees an object, whose memory is in a span that it has swept already. */
const freeingBehind: Scenario = {
	name: "remove an object whose memory is far before it",
	// A word of the bitmap of touched spans has 32 of them.
	spans: 36,
	prepare: (stage) => {
		const { victim, other, world } = stage;
		while (stage.held.size === 0 || [...stage.held.keys()].every((block) => block < 31 * SPAN_BYTES))
			hold(stage, SPAN_BYTES);
		const object = other.committing(() => other.core.allocateObject(other.me));
		expect(object >= 32 * SPAN_BYTES, "the object is not behind");
		drop(stage, [...stage.held.keys()][0] as number);
		// So that its span stays in use.
		hold(stage, SMALL);
		expect(other.place(object, "behind", KIND_STRUCT, { bytes: SMALL }) === OK, "the object has no name");
		expect(
			(world.words[(object + OBJECT_DATA) >> 2] as number) < 32 * SPAN_BYTES,
			"its memory is not before",
		);
		victim.use(object);
		expect(other.remove("behind") === OK, "the object could not be removed");
		return { act: () => void victim.core.unpin(victim.me, object) };
	},
};

export const participants: Scenario[] = [
	recoveringWhileSharing,
	freeingBehind,
	...[0, 1, 2, 3, 4, 5].map((before) => recovering("a block of a new span", before, SMALL)),
	...[0, 1, 2].map((before) => recovering("a run", before, 3 * SPAN_BYTES)),
	{
		name: "join",
		prepare: ({ victim, other }) => {
			other.recover(victim.slot);
			return {
				act: () => {
					victim.core.join(victim.slot);
				},
			};
		},
	},
	{
		name: "leave, owning some of everything",
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const queue = other.construct("queue", KIND_QUEUE, { capacity: CAPACITY });
			for (const bytes of [1, 1, 100, SMALL, SMALL, 30_000, SPAN_BYTES, 2 * SPAN_BYTES]) own(stage, bytes);
			attach(victim, queue, "producer");
			attach(other, queue, "consumer");
			sendBlock(stage, queue);
			let received: string[] = [];
			return {
				reset: () => {
					received = [];
				},
				act: () => {
					expect(victim.recover(victim.slot).status === OK, "leaving failed");
				},
				intrude: () => {
					received.push(...receiveAll(other, queue, true));
				},
				verify: () => {
					expect(world.words.length > 0, "the world is gone");
					received.push(...receiveAll(other, queue, true));
					expect(received.join() === `B+${SMALL}`, `received ${received}`);
					other.core.detachConsumer(other.me, queue);
					tryOut(other, queue);
				},
			};
		},
	},
];
