/** What the errors of the client mean, in words of ours. */
import { DhmemError, isErrorNamed } from "../../errors.js";
import type { ServerSettings } from "./settings.js";
import { isSecure } from "./tls.js";

/** The undefined error is what the client says of a connection that is closed before the server has said anything. */
const ABSENT =
	/ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|timeout|TIMEOUT|disconnected|undefined error|temporarily unavailable/;

/** True if the server does not answer, or not yet. */
export function isAbsent(error: unknown): boolean {
	if (error instanceof DhmemError) return false;
	return ABSENT.test(textOf(error)) && !isRefused(error);
}

/** The subject that the server does not let this user use; undefined for another error. */
export function refusedSubject(error: unknown): string | undefined {
	if (!isErrorNamed(error, "PermissionViolationError")) return undefined;
	const { subject } = error as { readonly subject?: string };
	return subject;
}

export function isRefused(error: unknown): boolean {
	return isErrorNamed(error, "AuthorizationError") || /authori[sz]ation|authentication/i.test(textOf(error));
}

/** The message of an error, and of its causes. */
export function textOf(error: unknown): string {
	if (!(typeof error === "object" && error !== null && "message" in error)) return String(error);
	const { message } = error;
	const cause = "cause" in error && error.cause !== undefined ? textOf(error.cause) : "";
	const code = "code" in error ? ` (${error.code})` : "";
	return `${message}${code}${cause === "" || cause === message ? "" : `: ${cause}`}`;
}

/** An error of the client in words of ours. */
export function explained(error: unknown, settings: ServerSettings): DhmemError {
	if (error instanceof DhmemError) return error;
	const { servers, user, domain } = settings;
	const where = servers.join(", ");
	const text = textOf(error);
	const as = (code: "DHMEM_NOT_FOUND" | "DHMEM_PERMISSION" | "DHMEM_UNSUPPORTED", message: string) =>
		new DhmemError(code, message, { cause: error });
	if (isErrorNamed(error, "PermissionViolationError") || /permissions violation/i.test(text)) {
		return as(
			"DHMEM_PERMISSION",
			`The NATS server at ${where} does not let ${user === undefined ? "this user" : `user ${user}`} do what a link ` +
				`needs; give it the permissions in docs/transports.md (${text})`,
		);
	}
	if (isRefused(error)) {
		return as("DHMEM_PERMISSION", `The NATS server at ${where} refuses ${refusedIn(settings)} (${text})`);
	}
	if (/jetstream.*not enabled/i.test(text) || isErrorNamed(error, "JetStreamNotEnabled")) {
		return as(
			"DHMEM_UNSUPPORTED",
			domain === undefined
				? `The NATS server at ${where} has no JetStream; start it with -js, and with a folder for its data (-sd), ` +
						"or enable it in the account of this user"
				: `No JetStream of the domain ${domain} answers at the NATS server at ${where}; set DHMEM_NATS_DOMAIN to the domain ` +
						"of a server that it is connected with, or start that server",
		);
	}
	if (/does not support 'tls'/.test(text)) {
		return as(
			"DHMEM_UNSUPPORTED",
			`The NATS server at ${where} does not offer TLS, which the address (tls://) or a file for TLS (DHMEM_NATS_CA, _CERT, _KEY) ` +
				"asks for; set up TLS there, or give the address as nats:// without such files",
		);
	}
	if (/certificate|tls|ssl/i.test(text)) {
		const remedy = /altnames/.test(text)
			? "give its address with a name that the certificate has"
			: "set DHMEM_NATS_CA to the file of the authority that has signed its certificate, and DHMEM_NATS_CERT and " +
				"DHMEM_NATS_KEY if it asks for one";
		return as("DHMEM_PERMISSION", `No secure connection to the NATS server at ${where}: ${text}; ${remedy}`);
	}
	if (isErrorNamed(error, "JetStreamApiError")) {
		return as(
			"DHMEM_UNSUPPORTED",
			`The NATS server at ${where} refuses what a link needs: ${text}; look into its log, and check its limits and its version (2.9 or later)`,
		);
	}
	return as(
		"DHMEM_NOT_FOUND",
		`No NATS server answers at ${where}; start one (nats-server -js), or set DHMEM_NATS to its address${secrecy(settings)} (${text})`,
	);
}

/** Whom the server refuses, and what to do. */
function refusedIn({ user, credentials }: ServerSettings): string {
	if (credentials !== undefined) {
		return (
			`the credentials in ${credentials}; put new ones there, or set DHMEM_NATS_CREDS to another file: they may have expired ` +
			"or been revoked, or belong to another server"
		);
	}
	const whom = user === undefined ? "a client without a user" : `user ${user}`;
	return `${whom}; set DHMEM_NATS_USER and DHMEM_NATS_PASSWORD, or DHMEM_NATS_CREDS`;
}

/** A server that wants a certificate of its client says nothing to one that has none. */
function secrecy(settings: ServerSettings): string {
	return isSecure(settings) && settings.certificate === undefined
		? "; set DHMEM_NATS_CERT and DHMEM_NATS_KEY if it asks for a certificate"
		: "";
}
