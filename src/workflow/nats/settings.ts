/** The environment variables that say where the NATS server is, and how to log in to it. */
import { badArgument } from "../../errors.js";

const DEFAULT_SERVER = "nats://127.0.0.1:4222";
const MOST_REPLICAS = 5;

/** Where the NATS server is, and how to log in to it. */
export interface ServerSettings {
	/** Addresses without a user and a password, so that they can be shown. */
	readonly servers: readonly string[];
	readonly user: string | undefined;
	readonly password: string | undefined;
	/** The paths of files. */
	readonly credentials: string | undefined;
	readonly ca: string | undefined;
	readonly certificate: string | undefined;
	readonly key: string | undefined;
	/** The domain of the JetStream that stores the messages, if it is not that of the server itself. */
	readonly domain: string | undefined;
	/** How large blocks are pulled. */
	readonly pull: PullSettings;
	/** The number of servers of a cluster that store each message. */
	readonly replicas: number;
}

export interface PullSettings {
	/** True if blocks are not pulled: a task sends and receives all of them through the server. */
	readonly isOff: boolean;
	/** Where receivers reach the runner; undefined for the address that it has on the way to the server. */
	readonly address: { readonly host: string; readonly port: number } | undefined;
	/** True if the bytes are encrypted where the connection to the server is. */
	readonly tls: boolean;
}

/** The variables, for a container that gets them from the runner's environment. */
export const serverVariables = [
	"DHMEM_NATS",
	"DHMEM_NATS_USER",
	"DHMEM_NATS_PASSWORD",
	"DHMEM_NATS_CREDS",
	"DHMEM_NATS_CA",
	"DHMEM_NATS_CERT",
	"DHMEM_NATS_KEY",
	"DHMEM_NATS_DOMAIN",
	"DHMEM_NATS_REPLICAS",
	"DHMEM_PULL",
	"DHMEM_PULL_TLS",
] as const;

/** @throws DHMEM_BAD_ARGUMENT */
export function readServer(variables: Readonly<Record<string, unknown>>): ServerSettings {
	const read = (name: (typeof serverVariables)[number]): string | undefined => {
		const value = variables[name];
		if (value === undefined || value === "") return undefined;
		if (typeof value === "string") return value;
		throw badArgument(name, value, "a string");
	};
	const urls = (read("DHMEM_NATS") ?? DEFAULT_SERVER)
		.split(",")
		.map((text) => text.trim())
		.filter((text) => text !== "")
		.map(parseServer);
	const [first] = urls;
	if (first === undefined) throw badArgument("DHMEM_NATS", read("DHMEM_NATS"), "the address of a server");
	return {
		servers: urls.map(({ protocol, host }) => `${protocol}//${host}`),
		// The client library ignores a user and a password in the address.
		user: read("DHMEM_NATS_USER") ?? decoded(first.username),
		password: read("DHMEM_NATS_PASSWORD") ?? decoded(first.password),
		credentials: read("DHMEM_NATS_CREDS"),
		ca: read("DHMEM_NATS_CA"),
		certificate: read("DHMEM_NATS_CERT"),
		key: read("DHMEM_NATS_KEY"),
		domain: parseDomain(read("DHMEM_NATS_DOMAIN")),
		pull: parsePull(read("DHMEM_PULL"), read("DHMEM_PULL_TLS")),
		replicas: parseReplicas(read("DHMEM_NATS_REPLICAS")),
	};
}

function parseServer(text: string): URL {
	const wanted = "an address such as nats://127.0.0.1:4222, or several with commas between them";
	let url: URL;
	try {
		url = new URL(text.includes("://") ? text : `nats://${text}`);
	} catch {
		// The text may contain a password.
		throw badArgument("DHMEM_NATS", "no address", wanted);
	}
	if (!["nats:", "tls:"].includes(url.protocol) || url.hostname === "")
		throw badArgument("DHMEM_NATS", `${url.protocol}//${url.host}`, wanted);
	return url;
}

/** @throws DHMEM_BAD_ARGUMENT */
function parsePull(text: string | undefined, tls: string | undefined): PullSettings {
	if (tls !== undefined && tls !== "off") throw badArgument("DHMEM_PULL_TLS", tls, "off, or not set");
	const isOff = text === "off";
	const common = { isOff, tls: tls !== "off" };
	if (text === undefined || isOff) return { ...common, address: undefined };
	const [, host, port] = /^(?:\[([^\]]+)\]|[^:[\]]+):(\d{1,5})$/.exec(text) ?? [];
	const number = Number(port);
	if (!(number >= 1 && number <= 65535))
		throw badArgument(
			"DHMEM_PULL",
			text,
			"off, or a host and a port at which others reach the runner, such as node7:7000",
		);
	return { ...common, address: { host: host ?? text.slice(0, text.lastIndexOf(":")), port: number } };
}

function decoded(text: string): string | undefined {
	if (text === "") return undefined;
	try {
		return decodeURIComponent(text);
	} catch {
		// The text may be a password.
		throw badArgument("DHMEM_NATS", "an address", "one whose user and password have % only as %25");
	}
}

/** It is a part of subjects. @throws DHMEM_BAD_ARGUMENT */
function parseDomain(text: string | undefined): string | undefined {
	if (text === undefined || /^[^\s.*>]+$/.test(text)) return text;
	throw badArgument("DHMEM_NATS_DOMAIN", text, "the name of a JetStream domain, without . * > and spaces");
}

function parseReplicas(text: string | undefined): number {
	const count = Number(text ?? 1);
	if (Number.isInteger(count) && count >= 1 && count <= MOST_REPLICAS) return count;
	throw badArgument("DHMEM_NATS_REPLICAS", text, `a whole number from 1 to ${MOST_REPLICAS}`);
}
