/** Links over NATS JetStream. Each link is a stream of the server. */
import process from "../../host/process.js";
import type { Region } from "../../region.js";
import type { Link } from "../links.js";
import type { LinkReceiver, LinkSender, LinkTransport } from "../transport.js";
import type { EndpointOptions } from "./endpoint.js";
import { KeepAlive, socketOf } from "./keep-alive.js";
import { keyOf } from "./names.js";
import { answerFor } from "./presence.js";
import { Listener } from "./pull/listener.js";
import { NatsReceiver } from "./receiver.js";
import { NatsSender } from "./sender.js";
import { openSession, type Session } from "./session.js";
import type { ServerSettings } from "./settings.js";

/** Milliseconds for which a task tries to reach a server, which may be restarting. */
const PATIENCE = 10_000;

export interface NatsOptions {
	readonly region: Region;
	/** The run's name on the server. */
	readonly run: string;
	readonly task: string;
	/** True if a runner runs the workflow. */
	readonly isRun: boolean;
	readonly server: ServerSettings;
	readonly log: (text: string) => void;
}

export class NatsTransport implements LinkTransport {
	readonly #options: NatsOptions;
	#session: Promise<Session> | undefined;
	readonly #senders: NatsSender[] = [];
	readonly #keepAlive = new KeepAlive();
	#listener: Promise<Listener | undefined> | undefined;
	readonly #onBeforeExit = () => this.#settle();
	readonly #onExit = (code: number) => this.#checkEnds(code);

	constructor(options: NatsOptions) {
		this.#options = options;
		process.on("exit", this.#onExit);
		process.once("beforeExit", this.#onBeforeExit);
	}

	sender(link: Link): LinkSender {
		const sender = new NatsSender(this.#endpoint(link));
		this.#senders.push(sender);
		return sender;
	}

	receiver(link: Link): LinkReceiver {
		return new NatsReceiver(this.#endpoint(link));
	}

	#endpoint(link: Link): EndpointOptions {
		const { region, run, task, isRun, log, server } = this.#options;
		const listener = () => this.#listen();
		const isPullOff = server.pull.isOff;
		const session = () => {
			this.#session ??= this.#open(server, task, run);
			return this.#session;
		};
		const hold = () => this.#keepAlive.hold();
		return { region, run, task, isRun, log, link, session, listener, isPullOff, hold };
	}

	async #open(server: ServerSettings, task: string, run: string): Promise<Session> {
		const session = await openSession(server, `task ${task} of ${run}`, PATIENCE);
		answerFor(session, keyOf(run));
		this.#keepAlive.attach(session);
		return session;
	}

	/** Listens for receivers that pull blocks, where they reach this task: where its connection to the server is from. */
	async #listen(): Promise<Listener | undefined> {
		const { server, log } = this.#options;
		const { isOffered, address, tls } = server.pull;
		const session = await this.#session;
		if (!isOffered || session === undefined) return undefined;
		const { localAddress: host, encrypted } = socketOf(session) ?? {};
		if (this.#listener === undefined && host !== undefined) {
			const options = {
				host,
				port: address?.port ?? 0,
				announced: address?.host ?? host,
				isSecure: tls && encrypted === true,
			};
			this.#listener = Listener.open(options).catch((error) => {
				log(`this task can't listen on ${host} (${error}), so its blocks go through the NATS server`);
				return undefined;
			});
		}
		return this.#listener;
	}

	/** What is still in this process must not be lost when nothing else keeps it alive. */
	#settle(): void {
		for (const sender of this.#senders) sender.settle();
	}

	/** Nothing can be sent any more when the process exits, so a run whose ends are not stored has failed. */
	#checkEnds(code: number): void {
		const unsent = this.#senders.filter(({ isUnsettled }) => isUnsettled);
		if (code !== 0 || unsent.length === 0) return;
		this.#options.log(
			`the process exits before the NATS server has confirmed everything that was sent to ${unsent.map(({ name }) => name).join(", ")}; ` +
				"await task.closed before process.exit()",
		);
		process.exitCode = 1;
	}

	async close(): Promise<void> {
		const session = await this.#session?.catch(() => undefined);
		(await this.#listener)?.close();
		await session?.connection.close();
		process.off("exit", this.#onExit);
		process.off("beforeExit", this.#onBeforeExit);
	}
}
