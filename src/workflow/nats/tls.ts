/** How the connection to a server is encrypted. */
import { type ConnectionOptions, checkServerIdentity } from "node:tls";
import { readFile } from "./credentials.js";
import type { ServerSettings } from "./settings.js";

/** What the client gives to Node when it connects, besides the names of files. */
type TlsOptions = Pick<ConnectionOptions, "checkServerIdentity"> & {
	readonly caFile?: string;
	readonly certFile?: string;
	readonly keyFile?: string;
};

/** The host for which Node checks a certificate if the client has told it none. */
const UNKNOWN = "localhost";

/** True if the connection must use TLS. */
export function isSecure({ servers, ca, certificate, key }: ServerSettings): boolean {
	return (
		[ca, certificate, key].some((file) => file !== undefined) ||
		servers.some((each) => each.startsWith("tls:"))
	);
}

/**
 * Returns the options of a client that must use TLS; undefined if the server decides. Without them, the client would do
 * without TLS where the server, or somebody in between, does not offer it.
 *
 * @throws DHMEM_NOT_FOUND for a file that can't be read
 */
export function tlsOf(settings: ServerSettings): TlsOptions | undefined {
	if (!isSecure(settings)) return undefined;
	const { servers, ca, certificate, key } = settings;
	for (const [name, path] of Object.entries({ CA: ca, CERT: certificate, KEY: key }))
		if (path !== undefined) readFile(`DHMEM_NATS_${name}`, path);
	return {
		...(ca === undefined ? {} : { caFile: ca }),
		...(certificate === undefined ? {} : { certFile: certificate }),
		...(key === undefined ? {} : { keyFile: key }),
		checkServerIdentity: identityOf(servers),
	};
}

/**
 * The client tells Node the name of the server, but not its address, if that is all it knows. The certificate must be one of
 * the servers that are given.
 */
function identityOf(servers: readonly string[]): NonNullable<ConnectionOptions["checkServerIdentity"]> {
	const hosts = servers.map((each) => new URL(each).hostname.replace(/^\[|\]$/g, ""));
	return (name, certificate) => {
		if (name !== UNKNOWN) return checkServerIdentity(name, certificate);
		const errors = hosts.map((host) => checkServerIdentity(host, certificate));
		return errors.includes(undefined) ? undefined : errors[0];
	};
}
