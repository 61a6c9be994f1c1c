/** A NATS server for tests, with a folder and a port of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { JetStreamManager } from "@nats-io/jetstream";
import { prepareServer, withSession } from "../../src/workflow/nats/manage.js";
import { readServer } from "../../src/workflow/nats/settings.js";

/** `nats-server` in Debian is in a folder that may not be in the PATH of a user. */
const PROGRAM = process.env.NATS_SERVER ?? "nats-server";

export interface ServerOptions {
	/** More lines of its configuration. */
	readonly configuration?: string;
	readonly jetStream?: boolean;
	/** The address at which it listens. */
	readonly host?: string;
	/** The domain of its JetStream. */
	readonly domain?: string;
	/** Bytes for streams. */
	readonly storage?: number;
	/** Variables with which a task logs in. */
	readonly login?: Readonly<Record<string, string>>;
}

/** A port that nobody has. */
export async function freePort(): Promise<number> {
	const listener = createServer().listen(0, "127.0.0.1");
	await once(listener, "listening");
	const address = listener.address();
	listener.close();
	await once(listener, "close");
	return typeof address === "object" ? (address?.port ?? 0) : 0;
}

export class Server {
	readonly #folder = mkdtempSync(join(tmpdir(), "dhmem-nats-"));
	readonly #options: ServerOptions;
	#child: ChildProcess | undefined;
	/** Known after the first start, and the same after each. */
	port = -1;

	constructor(options: ServerOptions = {}) {
		this.#options = options;
	}

	static async start(options: ServerOptions = {}): Promise<Server> {
		const server = new Server(options);
		await server.start();
		return server;
	}

	get address(): string {
		return `nats://${this.#options.host ?? "127.0.0.1"}:${this.port}`;
	}

	/** What a task needs to use it. */
	get variables(): Readonly<Record<string, string>> {
		return { DHMEM_NATS: this.address, ...this.#options.login };
	}

	async start(): Promise<void> {
		const { configuration = "", host = "127.0.0.1", jetStream = true, storage, domain } = this.#options;
		const limit = storage === undefined ? "" : `, max_file_store: ${storage}`;
		const more = domain === undefined ? limit : `${limit}, domain: ${domain}`;
		const file = join(this.#folder, "server.conf");
		writeFileSync(
			file,
			[
				`listen: "${host}:${this.port}"`,
				`ports_file_dir: "${this.#folder}"`,
				...(jetStream ? [`jetstream { store_dir: "${join(this.#folder, "data")}"${more} }`] : []),
				configuration,
			].join("\n"),
		);
		const child = spawn(PROGRAM, ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
		this.#child = child;
		let log = "";
		child.stderr?.setEncoding("utf8").on("data", (text) => {
			log += text;
		});
		const ports = join(this.#folder, `nats-server_${child.pid}.ports`);
		// The file is there before it is written.
		while (!existsSync(ports) || readFileSync(ports).length === 0) {
			if (child.exitCode !== null) throw new Error(`${PROGRAM} has ended: ${log}`);
			await sleep(20);
		}
		const { nats } = JSON.parse(readFileSync(ports, "utf8"));
		this.port = Number(new URL(nats[0]).port);
	}

	/** Does what a runner does before the tasks of a run start. An old server may not stand it if they do it at once. */
	async prepare(run: string): Promise<void> {
		const { connection } = await prepareServer(readServer(this.variables), run, []);
		await connection.close();
	}

	async version(): Promise<string> {
		let version: string | undefined;
		await withSession(readServer(this.variables), "test", async ({ connection }) => {
			version = connection.info?.version;
		});
		return version ?? "unknown";
	}

	get pid(): number | undefined {
		return this.#child?.pid;
	}

	/** The names of all streams; tests must leave none. */
	async streams(): Promise<string[]> {
		const names: string[] = [];
		await this.#manage(async (manager) => {
			for await (const name of manager.streams.names()) names.push(name);
		});
		return names;
	}

	#manage(act: (manager: JetStreamManager) => Promise<void>): Promise<void> {
		return withSession(readServer(this.variables), "test", ({ manager }) => act(manager));
	}

	/** The number of records in the streams of links. */
	async records(): Promise<number> {
		return (await this.#contents()).messages;
	}

	/** The bytes in the streams of links. */
	async storedBytes(): Promise<number> {
		return (await this.#contents()).bytes;
	}

	async #contents(): Promise<{ messages: number; bytes: number }> {
		const sum = { messages: 0, bytes: 0 };
		await this.#manage(async (manager) => {
			for await (const { config, state } of manager.streams.list()) {
				if (!config.name.startsWith("dhmem_")) continue;
				sum.messages += state.messages;
				sum.bytes += state.bytes;
			}
		});
		return sum;
	}

	/** Lets the server wait for acknowledgements so shortly that it delivers again what the only receiver holds. */
	async redeliver(): Promise<void> {
		await this.#manage(async (manager) => {
			for await (const stream of manager.streams.names()) {
				const [consumer] = await manager.consumers.list(stream).next();
				if (stream.startsWith("KV_") || consumer === undefined) continue;
				const before = consumer.delivered.consumer_seq;
				await manager.consumers.update(stream, consumer.name, { ack_wait: 100e6 });
				while ((await manager.consumers.info(stream, consumer.name)).delivered.consumer_seq === before)
					await sleep(20);
				await manager.consumers.update(stream, consumer.name, { ack_wait: consumer.config.ack_wait ?? 0 });
			}
		});
	}

	/** Stops the server's process, or lets it continue. */
	signal(signal: NodeJS.Signals): void {
		this.#child?.kill(signal);
	}

	/** Stops the server's process, and resolves when all of its threads have stopped. */
	async freeze(): Promise<void> {
		this.signal("SIGSTOP");
		const folder = `/proc/${this.#child?.pid}/task`;
		const isStopped = (thread: string) => /\) T /.test(readFileSync(join(folder, thread, "stat"), "latin1"));
		while (!readdirSync(folder).every(isStopped)) await sleep(5);
	}

	async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
		const child = this.#child;
		this.#child = undefined;
		if (child === undefined) return;
		child.kill(signal);
		if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.kill();
		rmSync(this.#folder, { recursive: true });
	}
}
