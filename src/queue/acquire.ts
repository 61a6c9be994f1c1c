import { DhmemError } from "../errors.js";
import type { NamedObject } from "../objects/named-object.js";
import { type EndpointOptions, type WaitOptions, waitOptions } from "../values/arguments.js";
import { PENDING } from "../waiting/wait.js";
import { endpointOptions } from "./endpoint.js";
import { holderOf, type Side } from "./side.js";

/** Milliseconds between checks whether an endpoint is free. */
const POLL_INTERVAL = 20;

/** Takes an endpoint of a queue as soon as its holder has left or died. */
export async function acquire<T>(
	object: NamedObject,
	side: Side,
	take: (defaults: EndpointOptions) => T,
	options: WaitOptions | undefined,
	given: EndpointOptions | undefined,
): Promise<T> {
	const checked = waitOptions(options, {});
	// Read once and now, not later when the endpoint is free.
	const defaults = endpointOptions(given, side);
	object.check();
	const { attachment } = object;
	attachment.checkWritable();
	const holder = () => holderOf(object, side);
	return attachment.waiter.wait(
		{
			what: `the ${side} of queue ${object.name} to leave`,
			attempt: () => {
				object.check();
				const other = holder();
				if (other !== 0 && attachment.isAlive(other)) return PENDING;
				try {
					return take(defaults);
				} catch (error) {
					// Another waiting participant was faster.
					if (error instanceof DhmemError && error.code === "DHMEM_ENDPOINT_TAKEN") return PENDING;
					throw error;
				}
			},
			// A participant that leaves wakes only the other endpoint, so this wait polls instead.
			announce() {},
			peer: holder,
			dependsOn: [object],
			slice: POLL_INTERVAL,
		},
		checked,
	);
}
