/** Links, each from a port of one task to a port of another, and their text form in `DHMEM_LINKS`. */
import { MAILBOX_LARGEST, QUEUE_LARGEST } from "../../assembly/layout.js";
import { badArgument, DhmemError } from "../errors.js";
import { checkCount, parseSize, type Size } from "../values/arguments.js";

export const policies = ["block", "drop-oldest", "latest"] as const;

/**
 * For a slow consumer: the producer waits, the oldest message is dropped, or only the newest message is kept.
 */
export type Policy = (typeof policies)[number];

export const carriers = ["shm", "nats"] as const;

/** What carries the messages of a link: the region that both tasks have open, or a NATS server. */
export type Carrier = (typeof carriers)[number];

/** A named input or output of a task. */
export interface Port {
	readonly task: string;
	readonly port: string;
}

/** A connection from one producer to one consumer. */
export interface Link {
	readonly from: Port;
	readonly to: Port;
	readonly policy: Policy;
	/** The capacity of the queue of a `block` link, in bytes; by default the queue's own default. */
	readonly capacity?: number | undefined;
	/** The number of messages that a `drop-oldest` link keeps; by default the queue's own default. */
	readonly keep?: number | undefined;
	/** By default what the task's environment says, which is shared memory if it says nothing. */
	readonly transport?: Carrier | undefined;
}

/** Returns the name of the link, which is also the name of its queue in the region. */
export function linkName({ from, to }: Pick<Link, "from" | "to">): string {
	return `${portName(from)}>${portName(to)}`;
}

export function portName({ task, port }: Port): string {
	return `${task}.${port}`;
}

/**
 * The name of a task or a port. It is short, because four of them make a link's name, which is also a queue's
 * name.
 */
export const NAME = /^[A-Za-z0-9_-]{1,48}$/;

/** The rule of `NAME` in words, for error messages. */
export const NAME_RULE = "1 to 48 of A-Z a-z 0-9 _ -";

/** Parses `task.port`; undefined if it is not a port's name. */
export function parsePort(text: string): Port | undefined {
	const [task = "", port = "", ...rest] = text.split(".");
	return NAME.test(task) && NAME.test(port) && rest.length === 0 ? { task, port } : undefined;
}

/** Parses a link's name into its two ports; undefined if it is not a link's name. */
export function parseLinkName(name: string): Pick<Link, "from" | "to"> | undefined {
	const [from, to, ...rest] = name.split(">").map(parsePort);
	return from && to && rest.length === 0 ? { from, to } : undefined;
}

/** A link with the name that the task's program uses for it. */
export interface LocalLink {
	readonly local: string;
	readonly link: Link;
}

/** Formats links for `DHMEM_LINKS`: `values=evaluate.values>steer.values;policy=latest,…`. */
export function formatLinks(links: readonly LocalLink[]): string {
	return links
		.map(({ local, link }) => {
			const options = [
				...(link.policy === "block" ? [] : [`policy=${link.policy}`]),
				...(link.capacity === undefined ? [] : [`capacity=${link.capacity}`]),
				...(link.keep === undefined ? [] : [`keep=${link.keep}`]),
				...(link.transport === undefined ? [] : [`transport=${link.transport}`]),
			];
			return [`${local}=${linkName(link)}`, ...options].join(";");
		})
		.join(",");
}

/**
 * Parses the text of `DHMEM_LINKS`.
 *
 * @throws DHMEM_BAD_ARGUMENT; the message names the link
 */
export function parseLinks(text: string): LocalLink[] {
	const links = text
		.split(",")
		.map((each) => each.trim())
		.filter((each) => each !== "")
		.map(parseLink);
	const names = links.map(({ link }) => linkName(link));
	const twice = names.find((name, i) => names.indexOf(name) !== i);
	if (twice !== undefined) throw badArgument("A link", twice, "listed only once");
	return links;
}

function parseLink(text: string): LocalLink {
	const [head = "", ...options] = text.split(";");
	const [local = "", name = ""] = split(head, "=");
	const endpoints = parseLinkName(name);
	if (!NAME.test(local) || endpoints === undefined) {
		throw badArgument(
			"A link",
			text,
			`of the form values=evaluate.values>steer.values, with names of ${NAME_RULE}`,
		);
	}
	const given = new Map(options.map((option) => split(option, "=")));
	if (given.size < options.length) throw badArgument("A link", text, "without an option that is given twice");
	// `slots` is an old name for `keep`.
	const {
		policy = "block",
		capacity,
		slots,
		keep = slots,
		transport,
		...unknown
	} = Object.fromEntries(given);
	if (Object.keys(unknown).length > 0) {
		throw badArgument("A link's option", Object.keys(unknown)[0], "policy, capacity, keep or transport");
	}
	if (policy === "block" ? keep !== undefined : capacity !== undefined) {
		throw badArgument(
			"A link",
			text,
			"without that option: capacity is for policy block, and keep for policy drop-oldest",
		);
	}
	if (policy === "latest" && keep !== undefined) {
		throw badArgument("A link", text, "without keep, because policy latest always keeps one message");
	}
	return {
		local,
		link: {
			...endpoints,
			policy: parsePolicy(policy),
			capacity: capacity === undefined ? undefined : parseCapacity("A link's capacity", capacity),
			keep: keep === undefined ? undefined : checkCount("A link's keep", Number(keep), 1, MAILBOX_LARGEST),
			transport: transport === undefined ? undefined : parseCarrier("A link's transport", transport),
		},
	};
}

/** Parses the capacity of a link's queue, in bytes. @throws DHMEM_BAD_ARGUMENT */
export function parseCapacity(what: string, size: Size): number {
	const bytes = parseSize(what, size);
	if (bytes > QUEUE_LARGEST) throw badArgument(what, size, "at most 1 GiB");
	return bytes;
}

/** @throws DHMEM_BAD_ARGUMENT */
export function parseCarrier(what: string, text: string): Carrier {
	const carrier = carriers.find((each) => each === text);
	if (carrier === undefined) throw badArgument(what, text, `one of ${carriers.join(", ")}`);
	return carrier;
}

function parsePolicy(text: string): Policy {
	const policy = policies.find((each) => each === text);
	if (policy === undefined) throw badArgument("A link's policy", text, `one of ${policies.join(", ")}`);
	return policy;
}

/** Splits a text at the first `separator`. */
function split(text: string, separator: string): [string, string] {
	const at = text.indexOf(separator);
	return at < 0 ? [text.trim(), ""] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

/** The error for a port that a task does not have. */
export function noSuchPort(what: "input" | "output", name: string, task: string, has: string[]): DhmemError {
	const list = has.length === 0 ? "none" : has.join(", ");
	return new DhmemError(
		"DHMEM_NOT_FOUND",
		`Task ${task} has no ${what} "${name}" (its ${what}s in DHMEM_LINKS: ${list}); use one of these, or add a link to ` +
			"the workflow file",
	);
}
