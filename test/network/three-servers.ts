/** A cluster of three servers for tests. */
import { setTimeout as sleep } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { findStream } from "../../src/workflow/nats/stream.js";
import { PATIENCE } from "../fixture/index.js";
import { freePort, Server } from "./server.js";

const SERVERS = 3;

export class Cluster {
	readonly #servers: ReadonlyMap<string, Server>;
	#connection: NatsConnection | undefined;

	private constructor(servers: ReadonlyMap<string, Server>) {
		this.#servers = servers;
	}

	static async start(): Promise<Cluster> {
		const ports = await Promise.all(Array.from({ length: SERVERS }, freePort));
		const routes = ports.map((port) => `"nats://127.0.0.1:${port}"`).join(", ");
		const servers = ports.map((port, index) => {
			const configuration = [
				`server_name: s${index}`,
				`cluster { name: three, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
			].join("\n");
			return [`s${index}`, new Server({ configuration })] as const;
		});
		await Promise.all(servers.map(([, server]) => server.start()));
		const cluster = new Cluster(new Map(servers));
		cluster.#connection = await connect({ servers: cluster.address.split(","), maxReconnectAttempts: -1 });
		return cluster;
	}

	get address(): string {
		return [...this.#servers.values()].map(({ address }) => address).join(",");
	}

	/** For runs, which say themselves where the server is, and what the transport. */
	get settings(): NodeJS.ProcessEnv {
		return { DHMEM_NATS_REPLICAS: String(SERVERS) };
	}

	get variables(): NodeJS.ProcessEnv {
		return { ...this.settings, DHMEM_TRANSPORT: "nats", DHMEM_NATS: this.address };
	}

	/** The names of all streams; tests of runs must leave none. */
	streams(): Promise<string[]> {
		return this.#again(async () => {
			const names: string[] = [];
			for await (const name of (await this.#manager()).streams.names()) names.push(name);
			return names;
		});
	}

	/** Waits until the servers have elected those that lead them. */
	async isReady(): Promise<void> {
		await this.#again(async () => {
			await (await this.#manager()).getAccountInfo();
		});
	}

	async #manager() {
		const connection = this.#connection;
		if (connection === undefined) throw new Error("there is no connection");
		return jetstreamManager(connection, { checkAPI: false });
	}

	/** The result of `ask`, which is repeated while the cluster elects a leader. */
	async #again<T>(ask: () => Promise<T>): Promise<T> {
		for (const began = performance.now(); ; await sleep(50)) {
			try {
				return await ask();
			} catch (error) {
				if (performance.now() - began > PATIENCE) throw error;
			}
		}
	}

	/** The stream of the only link, or that of the run's bucket. */
	async #stream(isBucket = false): Promise<string> {
		for await (const name of (await this.#manager()).streams.names())
			if (name.startsWith("KV_") === isBucket) return name;
		throw new Error("there is no stream");
	}

	/** Kills the server that leads the link's stream, or that of the run's bucket, and starts it again. */
	async killLeader(isBucket = false): Promise<void> {
		const server = await this.#again(async () => {
			const info = await findStream(await this.#manager(), await this.#stream(isBucket));
			const leader = this.#servers.get(info?.cluster?.leader ?? "");
			if (leader === undefined) throw new Error("the stream has no leader");
			return leader;
		});
		await server.kill();
		await server.start();
	}

	/** Lets another server lead the stream, or its consumer. */
	async stepDown(what: "STREAM" | "CONSUMER"): Promise<void> {
		await this.#again(async () => {
			const stream = await this.#stream();
			const manager = await this.#manager();
			let subject = `$JS.API.${what}.LEADER.STEPDOWN.${stream}`;
			if (what === "CONSUMER") {
				const [consumer] = await manager.consumers.list(stream).next();
				if (consumer === undefined) throw new Error("the stream has no consumer");
				subject += `.${consumer.name}`;
			}
			const answer = await this.#connection?.request(subject, "");
			if (answer?.json<{ success?: boolean }>().success !== true) throw new Error("nobody has stepped down");
		});
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#connection?.close();
		await Promise.all([...this.#servers.values()].map((server) => server[Symbol.asyncDispose]()));
	}
}
