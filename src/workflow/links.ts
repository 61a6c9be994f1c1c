/** What connects tasks: links from a port of one to a port of another, and their text in `DHMEM_LINKS`. */
import { MAILBOX_LARGEST, QUEUE_LARGEST } from "../../assembly/layout.js";
import { badArgument, DhmemError } from "../errors.js";
import { checkCount, parseSize, type Size } from "../values/arguments.js";

export const policies = ["block", "drop-oldest", "latest"] as const;

/** What happens when the consumer is slower: the producer waits, the oldest goes, or only the newest stays. */
export type Policy = (typeof policies)[number];

/** A named endpoint of a task. */
export interface Port {
	readonly task: string;
	readonly port: string;
}

/** One producer, one consumer, and how messages go from one to the other. */
export interface Link {
	readonly from: Port;
	readonly to: Port;
	readonly policy: Policy;
	/** Bytes of the queue of a `block` link; left out, the queue's own default. */
	readonly capacity?: number | undefined;
	/** Messages that a `drop-oldest` link keeps; left out, the queue's own default. */
	readonly keep?: number | undefined;
}

/** The name of the link, and of its queue in the region. */
export function linkName({ from, to }: Pick<Link, "from" | "to">): string {
	return `${portName(from)}>${portName(to)}`;
}

export function portName({ task, port }: Port): string {
	return `${task}.${port}`;
}

/** Of a task or a port. Four of them are a link's name, which is a queue's, so they are short. */
export const NAME = /^[A-Za-z0-9_-]{1,48}$/;

/** What `NAME` says, for messages. */
export const NAME_RULE = "1 to 48 of A-Z a-z 0-9 _ -";

/** The port that `task.port` names, undefined if it names none. */
export function parsePort(text: string): Port | undefined {
	const [task = "", port = "", ...rest] = text.split(".");
	return NAME.test(task) && NAME.test(port) && rest.length === 0 ? { task, port } : undefined;
}

/** The two endpoints in a link's name, undefined if it is not one. */
export function parseLinkName(name: string): Pick<Link, "from" | "to"> | undefined {
	const [from, to, ...rest] = name.split(">").map(parsePort);
	return from && to && rest.length === 0 ? { from, to } : undefined;
}

/** What a task calls a link. */
export interface LocalLink {
	readonly local: string;
	readonly link: Link;
}

/** As in `DHMEM_LINKS`: `values=evaluate.values>steer.values;policy=latest,…`. */
export function formatLinks(links: readonly LocalLink[]): string {
	return links
		.map(({ local, link }) => {
			const options = [
				...(link.policy === "block" ? [] : [`policy=${link.policy}`]),
				...(link.capacity === undefined ? [] : [`capacity=${link.capacity}`]),
				...(link.keep === undefined ? [] : [`keep=${link.keep}`]),
			];
			return [`${local}=${linkName(link)}`, ...options].join(";");
		})
		.join(",");
}

/**
 * The links in the text of `DHMEM_LINKS`.
 *
 * @throws DHMEM_BAD_ARGUMENT, naming the link
 */
export function parseLinks(text: string): LocalLink[] {
	const links = text
		.split(",")
		.map((each) => each.trim())
		.filter((each) => each !== "")
		.map(parseLink);
	const names = links.map(({ link }) => linkName(link));
	const twice = names.find((name, i) => names.indexOf(name) !== i);
	if (twice !== undefined) throw badArgument("A link", twice, "there once");
	return links;
}

function parseLink(text: string): LocalLink {
	const [head = "", ...options] = text.split(";");
	const [local = "", name = ""] = split(head, "=");
	const endpoints = parseLinkName(name);
	if (!NAME.test(local) || endpoints === undefined) {
		throw badArgument("A link", text, `such as values=evaluate.values>steer.values, names of ${NAME_RULE}`);
	}
	const given = new Map(options.map((option) => split(option, "=")));
	if (given.size < options.length) throw badArgument("A link", text, "with each of its options once");
	// `slots` is an older name of `keep`.
	const { policy = "block", capacity, slots, keep = slots, ...unknown } = Object.fromEntries(given);
	if (Object.keys(unknown).length > 0) {
		throw badArgument("A link's option", Object.keys(unknown)[0], "policy, capacity or keep");
	}
	if (policy === "block" ? keep !== undefined : capacity !== undefined) {
		throw badArgument(
			"A link",
			text,
			"with capacity where it blocks, and with keep where the oldest is dropped",
		);
	}
	if (policy === "latest" && keep !== undefined) {
		throw badArgument("A link", text, "without keep: with policy latest it holds one message");
	}
	return {
		local,
		link: {
			...endpoints,
			policy: parsePolicy(policy),
			capacity: capacity === undefined ? undefined : parseCapacity("A link's capacity", capacity),
			keep: keep === undefined ? undefined : checkCount("A link's keep", Number(keep), 1, MAILBOX_LARGEST),
		},
	};
}

/** Bytes of a link's queue. @throws DHMEM_BAD_ARGUMENT */
export function parseCapacity(what: string, size: Size): number {
	const bytes = parseSize(what, size);
	if (bytes > QUEUE_LARGEST) throw badArgument(what, size, "at most 1 GiB");
	return bytes;
}

function parsePolicy(text: string): Policy {
	const policy = policies.find((each) => each === text);
	if (policy === undefined) throw badArgument("A link's policy", text, `one of ${policies.join(", ")}`);
	return policy;
}

/** The two parts of a text around the first `separator`. */
function split(text: string, separator: string): [string, string] {
	const at = text.indexOf(separator);
	return at < 0 ? [text.trim(), ""] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

/** For a port that a task has not. */
export function noSuchPort(what: "input" | "output", name: string, task: string, has: string[]): DhmemError {
	const list = has.length === 0 ? "none" : has.join(", ");
	return new DhmemError(
		"DHMEM_NOT_FOUND",
		`Task ${task} has no ${what} "${name}"; DHMEM_LINKS gives it ${list}. Add a link to the workflow file`,
	);
}
