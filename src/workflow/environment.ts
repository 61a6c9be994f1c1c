/** How a task learns what it is: the variables that `dhmem run` sets, or whoever starts the task by hand. */
import { badArgument, DhmemError } from "../errors.js";
import { checkTrust, type Trust } from "../host/trust.js";
import { checkRegionName } from "../values/arguments.js";
import { formatLinks, type Link, type LocalLink, NAME, NAME_RULE, parseLinks } from "./links.js";

/** Variables, as in `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What the environment says about a task. */
export interface TaskEnvironment {
	readonly region: string;
	/** The folder of the region; undefined for the default. */
	readonly directory: string | undefined;
	readonly task: string;
	readonly links: readonly LocalLink[];
	/** The label of the participant that runs the workflow, if one does. */
	readonly runner: string | undefined;
	/** The file mode of the region, if this task is the first and makes it; undefined for the default. */
	readonly permissions: number | undefined;
	/** Whose region is joined where strangers can make names; undefined for the default. */
	readonly trust?: Trust | undefined;
}

export const transports = ["auto", "memory"] as const;

/** How links communicate: shared memory, where `auto` finds nothing else. */
export type Transport = (typeof transports)[number];

const HELP = "`dhmem run --print-env TASK FILE` shows what a task needs";

/** @throws DHMEM_NOT_FOUND for a variable that is missing; DHMEM_BAD_ARGUMENT, DHMEM_UNSUPPORTED for a wrong one */
export function readEnvironment(given: Variables): TaskEnvironment {
	const variables = variablesOf(given);
	const need = (name: string, what: string): string => {
		const value = variables[name];
		if (value !== undefined && value !== "") return value;
		throw new DhmemError(
			"DHMEM_NOT_FOUND",
			`This task's environment has no ${name}, ${what}. Start it with \`dhmem run\`, or set it; ${HELP}`,
		);
	};
	const task = need("DHMEM_TASK", "the task's name");
	if (!NAME.test(task)) throw badArgument("DHMEM_TASK", task, NAME_RULE);
	const region = checked("DHMEM_REGION", () => checkRegionName(need("DHMEM_REGION", "the region's name")));
	// A task without links is one too, so an empty text is not a missing one.
	const text = variables.DHMEM_LINKS ?? need("DHMEM_LINKS", "the task's links");
	const links = checked("DHMEM_LINKS", () => parseLinks(text));
	for (const { link } of links) checkOwn(link, task);
	checkTransport(variables.DHMEM_TRANSPORT);
	return {
		region,
		directory: variables.DHMEM_DIR || undefined,
		task,
		links,
		runner: variables.DHMEM_RUNNER || undefined,
		permissions: readPermissions(variables.DHMEM_PERMISSIONS),
		trust: trustOf(variables),
	};
}

const names = [
	"DHMEM_REGION",
	"DHMEM_DIR",
	"DHMEM_TASK",
	"DHMEM_LINKS",
	"DHMEM_TRANSPORT",
	"DHMEM_RUNNER",
	"DHMEM_PERMISSIONS",
	"DHMEM_TRUST",
] as const;

/** What is read of the environment, and nothing else: Deno asks for each. */
function variablesOf(given: Variables): Variables {
	if (typeof given !== "object" || given === null)
		throw badArgument("The environment", given, "an object of variables, such as process.env");
	return Object.fromEntries(
		names.map((name) => {
			const value: unknown = given[name];
			if (value === undefined || typeof value === "string") return [name, value];
			throw badArgument(name, value, "a text");
		}),
	);
}

/** The variables that `readEnvironment` reads. */
export function writeEnvironment(environment: TaskEnvironment): Record<string, string> {
	const { directory, runner, permissions, trust } = environment;
	return {
		DHMEM_REGION: environment.region,
		...(directory === undefined ? {} : { DHMEM_DIR: directory }),
		DHMEM_TASK: environment.task,
		DHMEM_LINKS: formatLinks(environment.links),
		DHMEM_TRANSPORT: "auto",
		...(runner === undefined ? {} : { DHMEM_RUNNER: runner }),
		...(permissions === undefined ? {} : { DHMEM_PERMISSIONS: `0${permissions.toString(8)}` }),
		...(trust === undefined ? {} : { DHMEM_TRUST: String(trust) }),
	};
}

/** @throws DHMEM_BAD_ARGUMENT */
export function trustOf({ DHMEM_TRUST: trust }: Variables): Trust | undefined {
	return trust === undefined || trust === "" ? undefined : checkTrust("DHMEM_TRUST", trust);
}

function checkOwn({ from, to }: Link, task: string): void {
	if ((from.task === task) !== (to.task === task)) return;
	throw new DhmemError(
		"DHMEM_BAD_ARGUMENT",
		`DHMEM_LINKS has a link from ${from.task} to ${to.task}, and DHMEM_TASK is ${task}, which must be one of the ` +
			`two; ${HELP}`,
	);
}

function checkTransport(text: string | undefined): void {
	if (text === undefined || text === "") return;
	if (transports.some((each) => each === text)) return;
	if (text === "network") {
		throw new DhmemError(
			"DHMEM_UNSUPPORTED",
			"DHMEM_TRANSPORT is network, which this version can't do yet; set it to auto or memory, and let all tasks " +
				"see one folder in memory",
		);
	}
	throw badArgument("DHMEM_TRANSPORT", text, `one of ${transports.join(", ")}`);
}

function readPermissions(text: string | undefined): number | undefined {
	if (text === undefined || text === "") return undefined;
	if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8);
	throw badArgument("DHMEM_PERMISSIONS", text, "an octal file mode, such as 0660");
}

/** Errors of `read` with the variable's name. */
function checked<T>(variable: string, read: () => T): T {
	try {
		return read();
	} catch (error) {
		if (!(error instanceof DhmemError) || error.code !== "DHMEM_BAD_ARGUMENT") throw error;
		throw new DhmemError(error.code, `${variable}: ${error.message}; ${HELP}`, { cause: error });
	}
}
