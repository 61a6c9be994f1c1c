/** How exported pods reach a NATS server: its address, and what they log in with. */
import { readServer, type ServerSettings } from "../workflow/nats/settings.js";
import { notExportable } from "./names.js";

export interface NatsAccess {
	/** The addresses, with commas between them. */
	readonly address: string;
	/** Variables whose values are in the exported file. */
	readonly variables: Readonly<Record<string, string>>;
	/** Variables whose values are not, because whoever may read the file could log in with them. */
	readonly secrets: readonly string[];
	/** Variables that name files, and where these are on this machine. */
	readonly files: Readonly<Record<string, string>>;
}

/**
 * Returns what the variables say, which `dhmem run` would take too.
 *
 * @throws DHMEM_BAD_ARGUMENT
 */
export function accessOf(variables: NodeJS.ProcessEnv): NatsAccess {
	if ((variables.DHMEM_NATS ?? "") === "") {
		throw notExportable(
			"pods of several places need a NATS server; set DHMEM_NATS to the address that they reach it at, or add one " +
				"(--with-nats)",
		);
	}
	return readAccess(variables);
}

/**
 * Returns the same for a server at this address, which is exported too.
 *
 * @throws DHMEM_BAD_ARGUMENT for what such a server can't do
 */
export function accessToOwn(address: string, variables: NodeJS.ProcessEnv): NatsAccess {
	const access = readAccess({ ...variables, DHMEM_NATS: address });
	const { secrets, files } = access;
	const [file] = Object.keys(files);
	if (file !== undefined) {
		throw notExportable(
			`the server of --with-nats knows neither credentials files nor TLS, but ${file} is set; unset it, or give the address ` +
				"of another server (DHMEM_NATS) without --with-nats",
		);
	}
	if (secrets.length === 1) {
		throw notExportable(
			`of a user and a password, only ${secrets[0]} is set; for the server of --with-nats set both DHMEM_NATS_USER and ` +
				"DHMEM_NATS_PASSWORD, or neither",
		);
	}
	for (const name of ["DHMEM_NATS_REPLICAS", "DHMEM_NATS_DOMAIN"]) {
		const value = access.variables[name];
		if (value === undefined) continue;
		throw notExportable(
			`--with-nats adds one server, without a domain, but ${name} is ${value}; unset it, or give the addresses of other ` +
				"servers (DHMEM_NATS) without --with-nats",
		);
	}
	return access;
}

function readAccess(variables: NodeJS.ProcessEnv): NatsAccess {
	const settings = readServer(variables);
	const { user, password, credentials, ca, certificate, key } = settings;
	return {
		address: settings.servers.join(","),
		variables: variablesOf(settings),
		secrets: Object.keys(defined({ DHMEM_NATS_USER: user, DHMEM_NATS_PASSWORD: password })),
		files: defined({
			DHMEM_NATS_CREDS: credentials,
			DHMEM_NATS_CA: ca,
			DHMEM_NATS_CERT: certificate,
			DHMEM_NATS_KEY: key,
		}),
	};
}

function variablesOf({ domain, replicas, pull }: ServerSettings): Record<string, string> {
	const { address, isOff, tls } = pull;
	if (address !== undefined) {
		throw notExportable(
			`DHMEM_PULL is ${address.host}:${address.port}, which can be the address of only one pod; unset it (pods reach each ` +
				"other at their own addresses), or let it be off",
		);
	}
	return {
		...(domain === undefined ? {} : { DHMEM_NATS_DOMAIN: domain }),
		...(replicas === 1 ? {} : { DHMEM_NATS_REPLICAS: String(replicas) }),
		...(isOff ? { DHMEM_PULL: "off" } : {}),
		...(tls ? {} : { DHMEM_PULL_TLS: "off" }),
	};
}

function defined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
	return Object.fromEntries(
		Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
	);
}
