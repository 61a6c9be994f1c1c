/** Asks other processes of a run something, through the server. */
import { clearTimeout, setTimeout } from "node:timers";
import type { Msg } from "@nats-io/transport-node";
import { onAbort } from "../../waiting/any-signal.js";
import type { Session } from "./session.js";

/** The status with which the server says that nobody listens to a subject. */
const NOBODY = 503;

/**
 * Returns the first answer; `silent` if none comes in so many milliseconds or before the signal is aborted, and `nobody` if
 * the server knows that nobody listens.
 */
export function request(
	{ connection, packages }: Session,
	subject: string,
	payload: Uint8Array | string,
	patience: number,
	signal?: AbortSignal,
): Promise<Msg | "silent" | "nobody"> {
	// Not in an inbox, to which tasks may have no permission to publish.
	const reply = `dhmem_room.asked.${packages.transport.nuid.next()}`;
	return new Promise((resolve) => {
		let stop: (() => void) | undefined;
		const settle = (answer: Msg | "silent" | "nobody") => {
			clearTimeout(timer);
			stop?.();
			answers.unsubscribe();
			resolve(answer);
		};
		const timer = setTimeout(() => settle("silent"), patience).unref();
		const answers = connection.subscribe(reply, {
			callback: (error, message) => {
				if (error !== null) return;
				settle(message.headers?.code === NOBODY ? "nobody" : message);
			},
		});
		if (signal !== undefined) stop = onAbort(signal, () => settle("silent"));
		connection.publish(subject, payload, { reply });
	});
}
