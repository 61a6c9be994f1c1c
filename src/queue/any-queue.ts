import { OBJECT_CAPACITY } from "../../assembly/layout.js";
import { NamedObject } from "../objects/named-object.js";
import { type WaitOptions, waitOptions } from "../values/arguments.js";
import { checkMade } from "../values/made.js";
import { PENDING } from "../waiting/wait.js";
import { announce, holderOf, type Side } from "./side.js";

/** The common part of all queues. */
export abstract class AnyQueue {
	/** The name of the queue in its region. */
	readonly name: string;
	/** @internal */
	protected readonly object: NamedObject;

	/** @internal */
	constructor(object: NamedObject) {
		checkMade(object instanceof NamedObject, "A queue", "call region.queue(name)");
		this.name = object.name;
		this.object = object;
	}

	/** The size of the ring, in bytes or records: the requested capacity, rounded up to a power of two. */
	get capacity(): number {
		this.object.check();
		return this.object.word(OBJECT_CAPACITY);
	}

	/**
	 * Waits until a participant holds the other endpoint: the one that this participant does not hold itself.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_CLOSED, the signal's reason
	 * @example
	 * ```ts
	 * const fields = region.queue("fields");
	 * using producer = fields.producer();
	 * const waiting = fields.waitForPeer({ timeout: 10_000 });
	 * using consumer = fields.consumer(); // usually by another process
	 * await waiting;
	 * ```
	 */
	async waitForPeer(options?: WaitOptions): Promise<void> {
		const { attachment } = this.object;
		// Read before the check, because a getter in the options could remove the queue.
		const checked = waitOptions(options, {});
		this.object.check();
		const others = () => {
			const sides: Side[] = ["producer", "consumer"];
			const ours = sides.filter((side) => holderOf(this.object, side) === attachment.me);
			// A participant that holds neither endpoint waits for either; one that holds both is its own peer.
			const rest = sides.filter((side) => !ours.includes(side));
			return rest.length === 0 ? ours : rest;
		};
		const present = () => others().find((side) => holderOf(this.object, side) !== 0);
		await attachment.waiter.wait(
			{
				what: `the other endpoint of queue ${this.name}`,
				advice: `allow more time, or check that the other side is running and has opened ${attachment.path} too`,
				attempt: () => {
					this.object.check();
					const side = present();
					if (side === undefined) return PENDING;
					if (attachment.isAlive(holderOf(this.object, side))) return true;
					attachment.recover();
					return PENDING;
				},
				announce: () => {
					announce(this.object, "producer");
					announce(this.object, "consumer");
				},
				peer: () => 0,
				dependsOn: [this.object],
			},
			checked,
		);
	}
}
