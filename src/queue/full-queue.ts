import { publish } from "../events.js";
import type { NamedObject } from "../objects/named-object.js";

/** Publishes when a queue is full: once for all attempts to send the same message. */
export class FullQueue {
	/** How much was sent when this was last published. */
	#sent: number | undefined;

	/** @param sent how much the producer has sent so far */
	note({ attachment: { path }, name }: NamedObject, sent: number): void {
		if (sent === this.#sent) return;
		this.#sent = sent;
		publish("dhmem:full", () => ({ path, what: "queue", queue: name }));
	}
}
