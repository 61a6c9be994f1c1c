/** The connection of a task, or of the runner, to the NATS server. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { ConnectionOptions, NatsConnection } from "@nats-io/transport-node";
import { DhmemError, isErrorNamed } from "../../errors.js";
import { withoutLeftSockets } from "./client-sockets.js";
import { creating, spread } from "./creating.js";
import { loadPackages, type NatsPackages } from "./packages.js";
import type { ServerSettings } from "./settings.js";

/** Milliseconds for one attempt to connect, and for one answer of the server. */
const PATIENCE = 5000;
/** Bytes of the smallest payload that a server must take: a record has up to 1 KiB of headers. */
const LEAST_PAYLOAD = 4096;
/** Milliseconds between attempts. */
const PAUSE = 250;

export interface Session {
	readonly packages: NatsPackages;
	readonly connection: NatsConnection;
	readonly manager: JetStreamManager;
	readonly replicas: number;
	/** The largest payload that the server takes. Also while there is no connection, when the client does not know it. */
	readonly maxPayload: number;
	/** Calls `act` each time that the connection is lost. */
	onDisconnect(act: () => void): void;
	/** Calls `act` after each time that the connection was lost and is there again. */
	onReconnect(act: () => void): void;
	/** Calls `act` each time that the server refuses to let this user publish or subscribe to a subject. */
	onRefusal(act: (subject: string, error: DhmemError) => void): void;
	/** Calls `act` each time that something has changed at the connection. */
	onStatus(act: () => void): void;
	/** An error of the client in words of ours. */
	explain(error: unknown): DhmemError;
	/** Opens the bucket of this name, or creates it. */
	bucket(name: string): Promise<KV>;
}

/**
 * Connects to the server, and checks that it has JetStream.
 *
 * @param patience milliseconds for which a server that does not answer is tried again
 * @param who what the server's operator sees as the connection's name
 * @throws DHMEM_NOT_FOUND if no server answers; DHMEM_PERMISSION if it refuses the user;
 * DHMEM_UNSUPPORTED without JetStream, or without the packages
 */
export async function openSession(settings: ServerSettings, who: string, patience: number): Promise<Session> {
	checkFiles(settings);
	const packages = await loadPackages();
	const options = optionsOf(settings, packages, who);
	const deadline = performance.now() + patience;
	for (;;) {
		try {
			const connection = await withoutLeftSockets(() => packages.transport.connect(options));
			try {
				return await sessionOf(connection, packages, settings);
			} catch (error) {
				await connection.close();
				throw error;
			}
		} catch (error) {
			if (!isAbsent(error) || performance.now() > deadline) throw explained(error, settings);
			await sleep(PAUSE);
		}
	}
}

function optionsOf(
	{ servers, user, password, credentials, ca, certificate, key }: ServerSettings,
	{ transport }: NatsPackages,
	who: string,
): ConnectionOptions {
	const tls = {
		...(ca === undefined ? {} : { caFile: ca }),
		...(certificate === undefined ? {} : { certFile: certificate }),
		...(key === undefined ? {} : { keyFile: key }),
	};
	return {
		servers: [...servers],
		name: `dhmem ${who}`,
		timeout: PATIENCE,
		maxReconnectAttempts: -1,
		reconnectTimeWait: PAUSE,
		// Otherwise a password that is refused twice in a row would end the connection while a server restarts.
		ignoreAuthErrorAbort: true,
		...(user === undefined ? {} : { user }),
		...(password === undefined ? {} : { pass: password }),
		...(credentials === undefined
			? {}
			: { authenticator: transport.credsAuthenticator(readFileSync(credentials)) }),
		...(Object.keys(tls).length === 0 ? {} : { tls }),
	};
}

/** @throws DHMEM_NOT_FOUND for a file that can't be read */
function checkFiles({ credentials, ca, certificate, key }: ServerSettings): void {
	const files = { CREDS: credentials, CA: ca, CERT: certificate, KEY: key };
	for (const [name, path] of Object.entries(files)) {
		try {
			if (path !== undefined) readFileSync(path);
		} catch (error) {
			throw new DhmemError(
				"DHMEM_NOT_FOUND",
				`DHMEM_NATS_${name} names a file that can't be read: ${error}; give the path of one that this user may read`,
				{ cause: error },
			);
		}
	}
}

async function sessionOf(
	connection: NatsConnection,
	packages: NatsPackages,
	settings: ServerSettings,
): Promise<Session> {
	const { replicas } = settings;
	const manager = await packages.jetstream.jetstreamManager(connection, {
		checkAPI: false,
		timeout: PATIENCE,
	});
	let maxPayload = connection.info?.max_payload ?? 0;
	const onLoss = new Set<() => void>();
	const onReturn = new Set<() => void>();
	const onStatus = new Set<() => void>();
	const onRefusal = new Set<(subject: string, error: DhmemError) => void>();
	void (async () => {
		for await (const status of connection.status()) {
			for (const act of onStatus) act();
			if (status.type === "disconnect") for (const act of onLoss) act();
			if (status.type === "error") {
				const subject = refusedSubject(status.error);
				if (subject !== undefined)
					for (const act of onRefusal) act(subject, explained(status.error, settings));
			}
			if (status.type !== "reconnect") continue;
			maxPayload = connection.info?.max_payload ?? maxPayload;
			for (const act of onReturn) act();
		}
	})();
	await Promise.all([manager.getAccountInfo(), checkRoom(connection, packages, onRefusal)]);
	checkPayload(maxPayload, settings);
	const stores = new packages.kv.Kvm(packages.jetstream.jetstream(connection, { timeout: PATIENCE }));
	return {
		packages,
		connection,
		manager,
		replicas,
		get maxPayload() {
			return maxPayload;
		},
		explain: (error) => explained(error, settings),
		onStatus: (act) => onStatus.add(act),
		onDisconnect: (act) => onLoss.add(act),
		onReconnect: (act) => onReturn.add(act),
		onRefusal: (act) => onRefusal.add(act),
		bucket: (name) =>
			creating(async () => {
				await spread(connection, () => manager.streams.info(`KV_${name}`));
				return stores.create(name, { history: 1, replicas, allow_direct: false });
			}),
	};
}

/**
 * Sends a message to itself, as the processes of a run send them to each other.
 *
 * @throws DHMEM_PERMISSION, or an error of the client, if the server refuses that
 */
async function checkRoom(
	connection: NatsConnection,
	{ transport }: NatsPackages,
	onRefusal: Set<(subject: string, error: DhmemError) => void>,
): Promise<void> {
	const subject = `dhmem_room.asked.${transport.nuid.next()}`;
	let listen = (_: string, _error: DhmemError) => {};
	try {
		await new Promise<void>((resolve, reject) => {
			listen = (refused, error) => {
				if (refused === subject) reject(error);
			};
			onRefusal.add(listen);
			const callback = (error: Error | null) => (error === null ? resolve() : reject(error));
			connection.subscribe(subject, { max: 1, timeout: PATIENCE, callback });
			connection.publish(subject);
		});
	} finally {
		onRefusal.delete(listen);
	}
}

/** @throws DHMEM_UNSUPPORTED if records don't fit into the largest payload that the server takes */
function checkPayload(most: number, { servers }: ServerSettings): void {
	if (most >= LEAST_PAYLOAD) return;
	throw new DhmemError(
		"DHMEM_UNSUPPORTED",
		`The NATS server at ${servers.join(", ")} takes messages of at most ${most} bytes; set its max_payload to at least ` +
			`${LEAST_PAYLOAD}`,
	);
}

/** The undefined error is what the client says of a connection that is closed before the server has said anything. */
const ABSENT =
	/ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|timeout|TIMEOUT|disconnected|undefined error|temporarily unavailable/;

/** True if the server does not answer, or not yet. */
export function isAbsent(error: unknown): boolean {
	if (error instanceof DhmemError) return false;
	return ABSENT.test(textOf(error)) && !isRefused(error);
}

/** The subject that the server does not let this user use; undefined for another error. */
function refusedSubject(error: unknown): string | undefined {
	if (!isErrorNamed(error, "PermissionViolationError")) return undefined;
	const { subject } = error as { readonly subject?: string };
	return subject;
}

function isRefused(error: unknown): boolean {
	return isErrorNamed(error, "AuthorizationError") || /authori[sz]ation/i.test(textOf(error));
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
	const { servers, user } = settings;
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
		return as(
			"DHMEM_PERMISSION",
			`The NATS server at ${where} refuses ${user === undefined ? "a client without a user" : `user ${user}`}; set ` +
				`DHMEM_NATS_USER and DHMEM_NATS_PASSWORD, or DHMEM_NATS_CREDS (${text})`,
		);
	}
	if (/jetstream.*not enabled/i.test(text) || isErrorNamed(error, "JetStreamNotEnabled")) {
		return as(
			"DHMEM_UNSUPPORTED",
			`The NATS server at ${where} has no JetStream; start it with -js, and with a folder for its data (-sd), ` +
				"or enable it in the account of this user",
		);
	}
	if (/certificate|tls|ssl/i.test(text)) {
		return as(
			"DHMEM_PERMISSION",
			`No secure connection to the NATS server at ${where}: ${text}; set DHMEM_NATS_CA to the file of the authority ` +
				"that has signed its certificate, and DHMEM_NATS_CERT and DHMEM_NATS_KEY if it asks for one",
		);
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

/** A server that wants a certificate of its client says nothing to one that has none. */
function secrecy({ servers, ca, certificate }: ServerSettings): string {
	const isSecure = ca !== undefined || servers.some((each) => each.startsWith("tls:"));
	return isSecure && certificate === undefined
		? "; set DHMEM_NATS_CERT and DHMEM_NATS_KEY if it asks for a certificate"
		: "";
}
