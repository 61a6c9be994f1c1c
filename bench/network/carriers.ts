/** What carries the messages, and how its two ends are set up. */
import { fileURLToPath } from "node:url";
import { Region, type Size } from "../../src/index.js";
import { parseLinks } from "../../src/workflow/links.js";
import { clearServer, prepareServer } from "../../src/workflow/nats/manage.js";
import { Keeper } from "../../src/workflow/nats/pull/keeper.js";
import { readServer } from "../../src/workflow/nats/settings.js";
import type { Server } from "../../test/network/server.js";
import { LARGE, windowOf } from "./channel.js";
import { writeEnvironments } from "./links.js";

export interface Carrier {
	readonly name: string;
	readonly module: string;
	/** The smallest messages that it carries in a way of its own, in bytes. */
	readonly least: number;
	/** The divisor of how many messages a round has. */
	readonly slowness: number;
	/** True if it is dhmem, whose failure is no reason to leave it out. */
	readonly isOurs: boolean;
	/** True if its messages cross the NATS server, whose processor time counts, and that of the keeper in this process. */
	readonly usesServer: boolean;
	/** Prepares its ends. @returns what to do after they have ended */
	prepare(place: string, bytes: number, server: Server): Promise<() => Promise<void>>;
}

const RUN = "bench";
const RUNNER = "bench";
/** The bytes in the queue for a reference to a block. */
const REFERENCE = 32;

/** @param variables more for the environments of both ends */
function links(
	name: string,
	least: number,
	slowness: number,
	{ variables, isApart = false }: { variables: NodeJS.ProcessEnv; isApart?: boolean },
): Carrier {
	const usesServer = variables.DHMEM_TRANSPORT === "nats";
	return {
		name,
		module: moduleOf("links"),
		least,
		slowness,
		isOurs: true,
		usesServer,
		prepare: async (place, bytes, server) => {
			const size: Size = bytes < 100 * LARGE ? "1GiB" : "8GiB";
			const isLarge = bytes >= LARGE;
			// In shared memory, what counts is the queue with its references, not the blocks.
			const capacity = usesServer ? "64MiB" : isLarge ? `${windowOf(bytes) * REFERENCE}` : "1MiB";
			const linksOf = (end: "a" | "b") =>
				["a.out>b.in", "b.out>a.in"]
					.map((link) => `${link.startsWith(end) ? "out" : "in"}=${link};capacity=${capacity}`)
					.join(",");
			const environmentOf = (end: "a" | "b") => ({
				DHMEM_DIR: place,
				DHMEM_REGION: isApart ? end : "both",
				DHMEM_TASK: end,
				DHMEM_LINKS: linksOf(end),
				DHMEM_RUN: RUN,
				DHMEM_NATS: server.address,
				...(isApart ? { DHMEM_SIZE: size } : { DHMEM_RUNNER: RUNNER }),
				...variables,
			});
			writeEnvironments(place, { a: environmentOf("a"), b: environmentOf("b") });
			const regions = (isApart ? ["a", "b"] : ["both"]).map((name) =>
				Region.open(name, { directory: place, size, label: RUNNER }),
			);
			const settings = readServer({ DHMEM_NATS: server.address, ...variables });
			const both = parseLinks(linksOf("a")).map(({ link }) => ({ ...link, transport: "nats" as const }));
			const session = usesServer ? await prepareServer(settings, RUN, both) : undefined;
			const keepers: (Keeper | undefined)[] = [];
			for (const region of regions) {
				if (session === undefined) break;
				const links = both.filter(({ from }) => !isApart || from.task === region.name);
				const given = { region, run: RUN, session, links, settings: settings.pull, note: console.error };
				keepers.push(await Keeper.open(given));
			}
			return async () => {
				for (const keeper of keepers) keeper?.close();
				await session?.connection.close();
				for (const region of regions) region.close();
				if (usesServer) await clearServer(settings, RUN, both);
			};
		},
	};
}

function other(name: string, module: string): Carrier {
	const prepare = async () => async () => {};
	return { name, module: moduleOf(module), least: 0, slowness: 1, isOurs: false, usesServer: false, prepare };
}

const moduleOf = (name: string) => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

export const carriers: readonly Carrier[] = [
	links("shared memory", 0, 1, { variables: { DHMEM_TRANSPORT: "shm" } }),
	links("NATS, blocks in shared memory", LARGE, 1, {
		variables: { DHMEM_TRANSPORT: "nats" },
	}),
	links("NATS, blocks pulled", LARGE, 1, {
		variables: { DHMEM_TRANSPORT: "nats" },
		isApart: true,
	}),
	links("NATS", 0, 8, { variables: { DHMEM_TRANSPORT: "nats", DHMEM_PULL: "off" }, isApart: true }),
	other("ZeroMQ", "zeromq"),
	other("TCP", "tcp"),
];
