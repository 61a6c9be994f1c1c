/** The state of a link at one moment. */
export interface LinkSnapshot {
	readonly name: string;
	readonly from: string;
	readonly to: string;
	/** The size of the queue in bytes; with a policy that drops the oldest message, in messages. */
	readonly capacity: number;
	/** Numbers of messages, modulo 2^32. */
	readonly sent: number;
	readonly received: number;
	readonly dropped: number;
	/** The number of messages that were sent and neither released nor dropped. */
	readonly depth: number;
	/** The number of bytes that were sent, blocks included. */
	readonly bytes: number;
	/**
	 * The numbers of sends and receives that only the other side can end: they have no timeout, and no signal of
	 * their own. 0 for a task that is not running.
	 */
	readonly sending: number;
	readonly receiving: number;
	/** The number of receives that have one. */
	readonly polling: number;
	/** True when the last stream has ended and the consumer has read its end. */
	readonly ended?: boolean;
}
