/**
 * The environment variables that tell a task its name, region and links. `dhmem run` sets them, or a user by
 * hand.
 */
import { badArgument, DhmemError } from "../errors.js";
import { checkTrust, type Trust } from "../host/trust.js";
import { checkRegionName, type Size } from "../values/arguments.js";
import { parseRegionSize } from "../values/region-size.js";
import {
	type Carrier,
	carriers,
	formatLinks,
	type Link,
	type LocalLink,
	NAME,
	NAME_RULE,
	parseLinks,
} from "./links.js";
import { readServer, type ServerSettings } from "./nats/settings.js";

/**
 * Variables, as in `process.env`.
 *
 * @example
 * ```ts
 * const variables: Variables = {
 *   DHMEM_REGION: "newton",
 *   DHMEM_TASK: "steer",
 *   DHMEM_LINKS: "values=evaluate.values>steer.values",
 * };
 * using task = Task.fromEnvironment(variables);
 * ```
 */
export type Variables = Readonly<Record<string, string | undefined>>;

/** The description of a task in its environment. */
export interface TaskEnvironment {
	readonly region: string;
	/** The folder of the region; undefined for the default. */
	readonly directory: string | undefined;
	readonly task: string;
	readonly links: readonly LocalLink[];
	/** The label of the participant that runs the workflow; undefined if the task was started by hand. */
	readonly runner: string | undefined;
	/** The file mode of the region, used if this task creates it; undefined for the default. */
	readonly permissions: number | undefined;
	/** The size of the region, used if this task was started by hand; undefined for the default. */
	readonly size?: Size | undefined;
	/**
	 * The users whose regions are joined in a folder where strangers can create files; undefined for the
	 * default.
	 */
	readonly trust?: Trust | undefined;
	/** The NATS server; undefined if no link uses one. */
	readonly server?: ServerSettings | undefined;
	/** The run's name on the server; undefined for the region's name. On several machines, each has another region. */
	readonly run?: string | undefined;
}

export const transports = ["auto", ...carriers] as const;

/** How links communicate. `auto` leaves the choice to what starts the tasks. */
export type Transport = (typeof transports)[number];

const HELP = "`dhmem run --print-env TASK FILE` shows the variables that a task needs";

/** @throws DHMEM_NOT_FOUND for a missing variable; DHMEM_BAD_ARGUMENT, DHMEM_UNSUPPORTED for a wrong one */
export function readEnvironment(given: Variables): TaskEnvironment {
	const variables = variablesOf(given);
	const need = (name: string, what: string): string => {
		const value = variables[name];
		if (value !== undefined && value !== "") return value;
		throw new DhmemError(
			"DHMEM_NOT_FOUND",
			`This task's environment has no ${name} (${what}). Start the task with \`dhmem run\`, or set the variable; ${HELP}`,
		);
	};
	const task = need("DHMEM_TASK", "the task's name");
	if (!NAME.test(task)) throw badArgument("DHMEM_TASK", task, NAME_RULE);
	const region = checked("DHMEM_REGION", () => checkRegionName(need("DHMEM_REGION", "the region's name")));
	// A task may have no links, so an empty value is accepted here.
	const text = variables.DHMEM_LINKS ?? need("DHMEM_LINKS", "the task's links");
	const parsed = checked("DHMEM_LINKS", () => parseLinks(text));
	for (const { link } of parsed) checkOwn(link, task);
	const links = withCarriers(parsed, parseTransport(variables.DHMEM_TRANSPORT));
	const usesServer = links.some(({ link }) => link.transport === "nats");
	return {
		region,
		directory: variables.DHMEM_DIR || undefined,
		task,
		links,
		runner: variables.DHMEM_RUNNER || undefined,
		permissions: readPermissions(variables.DHMEM_PERMISSIONS),
		size: readSize(variables.DHMEM_SIZE),
		trust: trustOf(variables),
		server: usesServer ? checked("DHMEM_NATS", () => readServer(given)) : undefined,
		run: usesServer ? readRun(given.DHMEM_RUN) : undefined,
	};
}

/**
 * Gives each link what carries it.
 *
 * @throws DHMEM_BAD_ARGUMENT if that is `auto`: a single task can't know where the others are
 */
function withCarriers(links: readonly LocalLink[], transport: Transport): LocalLink[] {
	return links.map(({ local, link }) => {
		const carrier = link.transport ?? transport;
		if (carrier !== "auto") return { local, link: { ...link, transport: carrier } };
		throw badArgument(
			"DHMEM_TRANSPORT",
			transport,
			`${carriers.join(" or ")} in a task that is started by hand, or be decided for each link, as in ` +
				`DHMEM_LINKS="${formatLinks([{ local, link: { ...link, transport: "shm" } }])}"; ${HELP}`,
		);
	});
}

const names = [
	"DHMEM_REGION",
	"DHMEM_DIR",
	"DHMEM_TASK",
	"DHMEM_LINKS",
	"DHMEM_TRANSPORT",
	"DHMEM_RUNNER",
	"DHMEM_PERMISSIONS",
	"DHMEM_SIZE",
	"DHMEM_TRUST",
] as const;

/** Reads these variables and no others, because Deno asks for permission for each. */
function variablesOf(given: Variables): Variables {
	if (typeof given !== "object" || given === null)
		throw badArgument("The environment", given, "an object of variables, such as process.env");
	return Object.fromEntries(
		names.map((name) => {
			const value: unknown = given[name];
			if (value === undefined || typeof value === "string") return [name, value];
			throw badArgument(name, value, "a string");
		}),
	);
}

/** Returns the variables from which `readEnvironment` reads this description. */
export function writeEnvironment(environment: TaskEnvironment): Record<string, string> {
	const { directory, runner, permissions, size, trust, run } = environment;
	return {
		DHMEM_REGION: environment.region,
		...(directory === undefined ? {} : { DHMEM_DIR: directory }),
		DHMEM_TASK: environment.task,
		DHMEM_LINKS: formatLinks(environment.links.map(withoutDefault)),
		DHMEM_TRANSPORT: "shm" satisfies Carrier,
		...(runner === undefined ? {} : { DHMEM_RUNNER: runner }),
		...(permissions === undefined ? {} : { DHMEM_PERMISSIONS: `0${permissions.toString(8)}` }),
		...(size === undefined ? {} : { DHMEM_SIZE: String(size) }),
		...(trust === undefined ? {} : { DHMEM_TRUST: String(trust) }),
		...(run === undefined ? {} : { DHMEM_RUN: run }),
	};
}

/** Leaves out what DHMEM_TRANSPORT says. */
function withoutDefault({ local, link }: LocalLink): LocalLink {
	return { local, link: link.transport === "shm" ? { ...link, transport: undefined } : link };
}

/** @throws DHMEM_BAD_ARGUMENT */
export function trustOf({ DHMEM_TRUST: trust }: Variables): Trust | undefined {
	return trust === undefined || trust === "" ? undefined : checkTrust("DHMEM_TRUST", trust);
}

function checkOwn({ from, to }: Link, task: string): void {
	if ((from.task === task) !== (to.task === task)) return;
	throw new DhmemError(
		"DHMEM_BAD_ARGUMENT",
		`DHMEM_LINKS has a link from ${from.task} to ${to.task}, but DHMEM_TASK is ${task}; it must be one of the ` +
			`two; ${HELP}`,
	);
}

/** Shared memory if the variable is not set. @throws DHMEM_BAD_ARGUMENT */
function parseTransport(text: string | undefined): Transport {
	return transportOf("DHMEM_TRANSPORT", text) ?? "shm";
}

/** @throws DHMEM_BAD_ARGUMENT */
export function transportOf(what: string, text: string | undefined): Transport | undefined {
	if (text === undefined || text === "") return undefined;
	// An old name.
	if (text === "memory") return "shm";
	const transport = transports.find((each) => each === text);
	if (transport === undefined) throw badArgument(what, text, `one of ${transports.join(", ")}`);
	return transport;
}

function readPermissions(text: string | undefined): number | undefined {
	if (text === undefined || text === "") return undefined;
	if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8);
	throw badArgument("DHMEM_PERMISSIONS", text, "an octal file mode, such as 0660");
}

function readSize(text: string | undefined): string | undefined {
	if (text === undefined || text === "") return undefined;
	checked("DHMEM_SIZE", () => parseRegionSize(text));
	return text;
}

/** @throws DHMEM_BAD_ARGUMENT */
function readRun(text: string | undefined): string | undefined {
	if (text === undefined || text === "") return undefined;
	if (NAME.test(text)) return text;
	throw badArgument("DHMEM_RUN", text, NAME_RULE);
}

/** Calls `read`, and puts the variable's name in front of its error messages. */
function checked<T>(variable: string, read: () => T): T {
	try {
		return read();
	} catch (error) {
		if (!(error instanceof DhmemError) || error.code !== "DHMEM_BAD_ARGUMENT") throw error;
		throw new DhmemError(error.code, `${variable}: ${error.message}; ${HELP}`, { cause: error });
	}
}
