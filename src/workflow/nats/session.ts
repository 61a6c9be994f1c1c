/** The connection of a task, or of the runner, to the NATS server. */
import { setTimeout as sleep } from "node:timers/promises";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { ConnectionOptions, NatsConnection } from "@nats-io/transport-node";
import { DhmemError } from "../../errors.js";
import { withoutLeftSockets } from "./client-sockets.js";
import { creating, spread } from "./creating.js";
import { authenticatorOf } from "./credentials.js";
import { electing } from "./electing.js";
import { explained, isAbsent, isRefused, refusedSubject } from "./explained.js";
import { INBOX } from "./names.js";
import { loadPackages, type NatsPackages } from "./packages.js";
import type { ServerSettings } from "./settings.js";
import { tlsOf } from "./tls.js";

/** Milliseconds for one attempt to connect, and for one answer of the server. */
const PATIENCE = 5000;
/** Bytes of the smallest payload that a server must take: a record has up to 1 KiB of headers. */
const LEAST_PAYLOAD = 4096;
/** Milliseconds between attempts. */
const PAUSE = 250;
/** Milliseconds between questions whether the server is there. After two without an answer, the client connects again. */
const PING = 20_000;

export interface Session {
	readonly packages: NatsPackages;
	readonly connection: NatsConnection;
	readonly manager: JetStreamManager;
	readonly replicas: number;
	/** The server, or several, without users and passwords. */
	readonly address: string;
	/** The largest payload that the server takes. Also while there is no connection, when the client does not know it. */
	readonly maxPayload: number;
	/** Calls `act` each time that the connection is lost. */
	onDisconnect(act: () => void): void;
	/** Calls `act` after each time that the connection was lost and is there again. */
	onReconnect(act: () => void): void;
	/** Calls `act` each time that the server refuses to let this user publish or subscribe to a subject. */
	onRefusal(act: (subject: string, error: DhmemError) => void): void;
	/** Calls `act` when the server begins to refuse a user that it had accepted: credentials may have expired. */
	onLockout(act: (error: DhmemError) => void): void;
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

function optionsOf(settings: ServerSettings, packages: NatsPackages, who: string): ConnectionOptions {
	const { servers, user, password, credentials } = settings;
	const tls = tlsOf(settings);
	return {
		servers: [...servers],
		name: `dhmem ${who}`,
		timeout: PATIENCE,
		maxReconnectAttempts: -1,
		pingInterval: PING,
		reconnectTimeWait: PAUSE,
		inboxPrefix: INBOX,
		// Otherwise a password that is refused twice in a row would end the connection while a server restarts.
		ignoreAuthErrorAbort: true,
		...(user === undefined ? {} : { user }),
		...(password === undefined ? {} : { pass: password }),
		...(credentials === undefined ? {} : { authenticator: authenticatorOf(credentials, packages) }),
		...(tls === undefined ? {} : { tls }),
	};
}

async function sessionOf(
	connection: NatsConnection,
	packages: NatsPackages,
	settings: ServerSettings,
): Promise<Session> {
	const { replicas } = settings;
	const options = {
		timeout: PATIENCE,
		...(settings.domain === undefined ? {} : { domain: settings.domain }),
	};
	const manager = await packages.jetstream.jetstreamManager(connection, { ...options, checkAPI: false });
	let maxPayload = connection.info?.max_payload ?? 0;
	const onLoss = new Set<() => void>();
	const onReturn = new Set<() => void>();
	const onStatus = new Set<() => void>();
	const onRefusal = new Set<(subject: string, error: DhmemError) => void>();
	const onLockout = new Set<(error: DhmemError) => void>();
	let isLockedOut = false;
	void (async () => {
		for await (const status of connection.status()) {
			for (const act of onStatus) act();
			if (status.type === "disconnect") for (const act of onLoss) act();
			if (status.type === "error") {
				const subject = refusedSubject(status.error);
				if (subject !== undefined)
					for (const act of onRefusal) act(subject, explained(status.error, settings));
				else if (isRefused(status.error) && !isLockedOut) {
					isLockedOut = true;
					for (const act of onLockout) act(explained(status.error, settings));
				}
			}
			if (status.type !== "reconnect") continue;
			maxPayload = connection.info?.max_payload ?? maxPayload;
			isLockedOut = false;
			for (const act of onReturn) act();
		}
	})();
	await Promise.all([
		electing(connection, () => manager.getAccountInfo()),
		checkRoom(connection, packages, onRefusal),
	]);
	checkPayload(maxPayload, settings);
	const stores = new packages.kv.Kvm(packages.jetstream.jetstream(connection, options));
	return {
		packages,
		connection,
		manager,
		replicas,
		address: settings.servers.join(", "),
		get maxPayload() {
			return maxPayload;
		},
		explain: (error) => explained(error, settings),
		onStatus: (act) => onStatus.add(act),
		onDisconnect: (act) => onLoss.add(act),
		onReconnect: (act) => onReturn.add(act),
		onRefusal: (act) => onRefusal.add(act),
		onLockout: (act) => onLockout.add(act),
		bucket: (name) =>
			creating(connection, async () => {
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
