/** The packages of the NATS client. They are optional, and loaded when a link needs them. */
import { DhmemError } from "../../errors.js";

/** The modules of the client. */
export interface NatsPackages {
	readonly transport: typeof import("@nats-io/transport-node");
	readonly jetstream: typeof import("@nats-io/jetstream");
	readonly kv: typeof import("@nats-io/kv");
}

const NAMES = ["@nats-io/transport-node", "@nats-io/jetstream", "@nats-io/kv"] as const;

/** @throws DHMEM_UNSUPPORTED if one of them is not installed */
export async function loadPackages(): Promise<NatsPackages> {
	try {
		const [transport, jetstream, kv] = await Promise.all(NAMES.map(load));
		return { transport, jetstream, kv } as NatsPackages;
	} catch (error) {
		throw new DhmemError(
			"DHMEM_UNSUPPORTED",
			`Links over NATS need packages that can't be loaded here; install them beside dhmem: npm install ${NAMES.join(" ")} (${error})`,
			{ cause: error },
		);
	}
}

/** The name is a variable, so that bundlers of programs without NATS don't look for the package. */
function load(name: string): Promise<unknown> {
	return import(/* webpackIgnore: true */ /* @vite-ignore */ name);
}
