/** Links over NATS JetStream. Each link is a stream of the server. */
import process from "../../host/process.js";
import type { Region } from "../../region.js";
import type { Link } from "../links.js";
import type { LinkReceiver, LinkSender, LinkTransport } from "../transport.js";
import { noteConnection } from "./connection-notes.js";
import type { EndpointOptions } from "./endpoint.js";
import { KeepAlive } from "./keep-alive.js";
import { keyOf } from "./names.js";
import { answerFor } from "./presence.js";
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
	readonly #onExit = (code: number) => this.#checkEnds(code);

	constructor(options: NatsOptions) {
		this.#options = options;
		process.on("exit", this.#onExit);
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
		const isPullOff = server.pull.isOff;
		const session = () => {
			this.#session ??= this.#open(server, task, run);
			return this.#session;
		};
		const hold = () => this.#keepAlive.hold();
		return { region, run, task, isRun, log, link, session, isPullOff, hold };
	}

	async #open(server: ServerSettings, task: string, run: string): Promise<Session> {
		const session = await openSession(server, `task ${task} of ${run}`, PATIENCE);
		answerFor(session, keyOf(run));
		session.onLockout(({ message }) => this.#options.log(`${message}; until then, this task waits`));
		this.#keepAlive.attach(session);
		// A runner says it once for all tasks.
		if (!this.#options.isRun) noteConnection(session, this.#options.log);
		return session;
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
		await session?.connection.close();
		process.off("exit", this.#onExit);
	}
}
