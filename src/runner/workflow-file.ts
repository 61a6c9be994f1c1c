/**
 * Reads workflow files in YAML or JSON. Checks the schema, and rules that a schema can't express. Errors name
 * lines.
 */
import { dirname, resolve } from "node:path";
import { type SchemaError, validate } from "#check-workflow";
import { DhmemError, show } from "../errors.js";
import type { Size } from "../values/arguments.js";
import { parseRegionSize } from "../values/region-size.js";
import { type Transport, transportOf } from "../workflow/environment.js";
import { type Link, linkName, type Policy, parseCapacity, parsePort } from "../workflow/links.js";
import { argumentsOf } from "./command.js";
import { type Path, readSource, Source } from "./workflow-source.js";

export const restartPolicies = ["no", "on-failure", "always"] as const;
export type RestartPolicy = (typeof restartPolicies)[number];

/** The description of a task in the file. */
export interface TaskSpec {
	readonly name: string;
	/** The program and its arguments; undefined for the image's own command. */
	readonly command: readonly string[] | undefined;
	readonly image: string | undefined;
	/** A folder used as the container's root file system instead of an image. */
	readonly rootfs: string | undefined;
	/** Further arguments for the container runtime. */
	readonly options: readonly string[];
	readonly environment: Readonly<Record<string, string>>;
	/** The working folder; undefined for the default: the file's folder, or the image's. */
	readonly directory: string | undefined;
	/** Where `dhmem export` puts the task; undefined for the place of all tasks that name none. */
	readonly place: string | undefined;
	readonly restart: RestartPolicy;
	/** The largest number of restarts. */
	readonly restarts: number;
}

/** The contents of a workflow file. */
export interface Workflow {
	readonly name: string;
	/** The folder of the file. Paths in the file are relative to it. */
	readonly folder: string;
	readonly region: {
		readonly size: Size | undefined;
		readonly permissions: number | undefined;
		readonly group: number | undefined;
	};
	/** How links communicate that do not say it themselves. */
	readonly transport?: Transport | undefined;
	readonly tasks: readonly TaskSpec[];
	readonly links: readonly FileLink[];
}

export interface FileLink extends Link {
	/** What the file says about how it communicates. `transport` is what was chosen. */
	readonly requested: Transport | undefined;
	/** Why that was chosen, in words. */
	readonly why?: string;
}

const DEFAULT_RESTARTS = 10;

/** The file's contents after the schema was checked. */
interface Raw {
	name: string;
	region?: { size?: Size; permissions?: string; group?: number };
	transport?: string;
	tasks: Record<string, RawTask>;
	links?: RawLink[];
}

interface RawTask {
	command?: string | string[];
	image?: string;
	rootfs?: string;
	options?: string[];
	environment?: Record<string, string | number | boolean>;
	directory?: string;
	place?: string;
	restart?: RestartPolicy;
	restarts?: number;
}

interface RawLink {
	from: string;
	to: string;
	capacity?: Size;
	policy?: Policy;
	keep?: number;
	/** An old name for `keep`. */
	slots?: number;
	transport?: string;
}

/**
 * Reads a workflow file.
 *
 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION; DHMEM_BAD_ARGUMENT, whose message has a line for each mistake,
 * with the file, the line and what to do
 */
export function readWorkflow(path: string): Workflow {
	return parseWorkflow(readSource(path), path);
}

/** Parses the text of a workflow file. @throws as `readWorkflow` */
export function parseWorkflow(text: string, path: string): Workflow {
	const source = new Source(text, path);
	const raw = source.value();
	if (!validate(raw)) {
		for (const error of validate.errors ?? []) if (!isPartOfAnother(error)) source.add(...placed(error));
	}
	source.throwIfWrong();
	const file = raw as Raw;
	checkLinks(file, source);
	checkFigures(file, source);
	source.throwIfWrong();
	return {
		name: file.name,
		folder: dirname(resolve(path)),
		region: {
			size: file.region?.size,
			permissions:
				file.region?.permissions === undefined ? undefined : Number.parseInt(file.region.permissions, 8),
			group: file.region?.group,
		},
		transport: transportOf("transport", file.transport),
		tasks: Object.entries(file.tasks).map(([name, task]) => taskOf(name, task)),
		links: (file.links ?? []).map(linkOf),
	};
}

function taskOf(name: string, task: RawTask): TaskSpec {
	const { command, environment = {} } = task;
	return {
		name,
		command: typeof command === "string" ? argumentsOf(command) : command,
		image: task.image,
		rootfs: task.rootfs,
		options: task.options ?? [],
		environment: Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, String(value)])),
		directory: task.directory,
		place: task.place,
		// To Docker, `on-failure:0` means no limit.
		restart: task.restarts === 0 ? "no" : (task.restart ?? "no"),
		restarts: task.restarts ?? DEFAULT_RESTARTS,
	};
}

function linkOf({ from, to, policy = "block", capacity, keep, slots, transport }: RawLink): FileLink {
	return {
		from: portOf(from),
		to: portOf(to),
		policy,
		capacity: capacity === undefined ? undefined : parseCapacity("capacity", capacity),
		keep: keep ?? slots,
		requested: transportOf("transport", transport),
	};
}

/** Parses a port. The schema has already checked its form. */
function portOf(text: string) {
	const port = parsePort(text);
	if (port === undefined) throw new Error(`not a port: ${text}`);
	return port;
}

/** Checks rules for links that a schema can't express: their tasks exist, and no link is there twice. */
function checkLinks({ tasks, links = [] }: Raw, source: Source): void {
	const known = Object.keys(tasks).join(", ");
	const seen = new Set<string>();
	for (const [i, link] of links.entries()) {
		const from = portOf(link.from);
		const to = portOf(link.to);
		for (const [side, { task }] of [
			["from", from],
			["to", to],
		] as const) {
			if (!Object.hasOwn(tasks, task))
				source.add(["links", i, side], `there is no task ${task}; the tasks are ${known}`);
		}
		if (from.task === to.task) {
			source.add(["links", i], `the link goes from ${from.task} to itself; connect it to another task`);
		}
		const name = linkName({ from, to });
		if (seen.has(name)) source.add(["links", i], `there already is a link ${name}; remove one of them`);
		seen.add(name);
		const { policy = "block", capacity } = link;
		for (const name of ["keep", "slots"] as const) {
			if (link[name] === undefined) continue;
			if (policy === "block") {
				source.add(
					["links", i, name],
					`${name} is for policy drop-oldest; with policy block, give a capacity in bytes instead`,
				);
			}
			if (policy === "latest")
				source.add(
					["links", i, name],
					`a link with policy latest always keeps one message; leave ${name} out`,
				);
		}
		if (policy !== "block" && capacity !== undefined) {
			source.add(
				["links", i, "capacity"],
				`a link with policy ${policy} has no capacity in bytes; leave it out`,
			);
		}
	}
}

/** Checks sizes. */
function checkFigures(file: Raw, source: Source): void {
	const check = (path: Path, size: Size | undefined, parse: (size: Size) => unknown) => {
		if (size === undefined) return;
		try {
			parse(size);
		} catch (error) {
			source.add(path, error instanceof DhmemError ? error.message : String(error));
		}
	};
	check(["region", "size"], file.region?.size, parseRegionSize);
	for (const [i, { capacity }] of (file.links ?? []).entries()) {
		check(["links", i, "capacity"], capacity, (size) => parseCapacity("capacity", size));
	}
}

// ------------------------------------------------------------------------------------------ the schema

/**
 * True for an error that only explains another error: why an alternative does not match, or why a name is
 * wrong.
 */
function isPartOfAnother({ schemaPath, keyword, propertyName }: SchemaError): boolean {
	return schemaPath.includes("/anyOf/") || (propertyName !== undefined && keyword !== "propertyNames");
}

/** Translates a schema error into a path in the file and a message. */
function placed({ instancePath, keyword, params, data, parentSchema }: SchemaError): [Path, string] {
	const path = instancePath
		.split("/")
		.slice(1)
		.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
	const wanted = path.length === 0 ? "a map with name and tasks" : String(parentSchema?.description ?? "");
	switch (keyword) {
		case "additionalProperties": {
			const allowed = Object.keys(parentSchema?.properties ?? {}).join(", ");
			return [
				[...path, params.additionalProperty],
				`unknown key ${params.additionalProperty}; the known keys are ${allowed}`,
			];
		}
		case "propertyNames":
			return [
				[...path, params.propertyName],
				`the name ${show(params.propertyName)} is not allowed; a name is 1 to 48 of A-Z a-z 0-9 _ -`,
			];
		case "required":
			return [path, `${params.missingProperty} is missing here; add it`];
		default:
			return [path, `${typeof data === "object" ? "this" : show(data)} must be ${wanted}`];
	}
}
