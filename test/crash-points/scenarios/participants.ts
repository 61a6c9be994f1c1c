/** Participants: joining, leaving, and recovering from one that died. */
import { KIND_QUEUE, OK, SHARE_OWNERS, SPAN_BYTES } from "../../../assembly/layout.js";
import { attach, CAPACITY, receiveAll, sendBlock, tryOut } from "./messages.js";
import { expect, own, type Scenario, SMALL } from "./stage.js";

/** `victim` recovers from a third one, who died so many writes before the end of `body`. */
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

/** References that are made, in bytes that held the number of the dead one. */
const REFERENCES = 128;

/** `victim` recovers from a third one; meanwhile `other` makes a share of memory that the third one had written to. */
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

export const participants: Scenario[] = [
	recoveringWhileSharing,
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
