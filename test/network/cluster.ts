import { setTimeout as sleep } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findStream } from "../../src/workflow/nats/stream.js";
import { PATIENCE, within } from "../fixture/index.js";
import { Tasks } from "../workflow/tasks.js";
import { freePort, Server } from "./server.js";

const SERVERS = 3;

const test = suite("a cluster of three servers");

class Cluster {
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

	get variables(): NodeJS.ProcessEnv {
		return { DHMEM_TRANSPORT: "nats", DHMEM_NATS: this.address, DHMEM_NATS_REPLICAS: String(SERVERS) };
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

	/** The stream of the only link. */
	async #stream(): Promise<string> {
		for await (const name of (await this.#manager()).streams.names())
			if (!name.startsWith("KV_")) return name;
		throw new Error("there is no stream");
	}

	/** Kills the server that leads the stream, and starts it again. */
	async killLeader(): Promise<void> {
		const server = await this.#again(async () => {
			const info = await findStream(await this.#manager(), await this.#stream());
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

/** Sends and receives numbers, while `disturb` is called twice. All must arrive, once and in order. */
function disturbed(title: string, disturb: (cluster: Cluster, time: number) => Promise<void>): void {
	test(title, async () => {
		await using cluster = await Cluster.start();
		await cluster.isReady();
		await using tasks = new Tasks(["a.out>b.in"], cluster.variables);
		const output = tasks.get("a").output("out");
		const input = tasks.get("b").input("in");
		const received: (number | undefined)[] = [];
		const receiving = (async () => {
			for await (const message of input) received.push(message.as("u32")[0]);
		})();
		let sent = 0;
		const sendMore = async () => {
			await Promise.all(Array.from({ length: 64 }, () => output.send(Uint32Array.of(sent++))));
		};
		const sending = (async () => {
			for (let time = 0; time < 2; time++) {
				// Some have to arrive before, and are sent meanwhile.
				for (const least = sent + 256; received.length < least; ) await sendMore();
				let isOver = false;
				const disturbing = disturb(cluster, time).finally(() => {
					isOver = true;
				});
				while (!isOver) await sendMore();
				await disturbing;
			}
			await sendMore();
			output.end();
		})();
		await within(PATIENCE, title, Promise.all([sending, receiving]));
		const wrong = received.findIndex((number, index) => number !== index);
		assert.is(wrong, -1, `${received[wrong]} came as number ${wrong}, after ${received[wrong - 1]}`);
		assert.is(received.length, sent);
	});
}

disturbed("nothing is lost or reordered when the server that leads a stream is killed, twice", (cluster) =>
	cluster.killLeader(),
);

disturbed(
	"nothing is lost or reordered when the leader of a stream or of its consumer steps down",
	(cluster, time) => cluster.stepDown(time % 2 === 0 ? "CONSUMER" : "STREAM"),
);

test.run();
