/** What a run has on a NATS server, if any of its links uses one. */
import type { Link } from "../workflow/links.js";
import { noteConnection } from "../workflow/nats/connection-notes.js";
import { clearServer, prepareServer } from "../workflow/nats/manage.js";
import type { Keeping } from "../workflow/nats/pull/keeper.js";
import type { Session } from "../workflow/nats/session.js";
import { readServer, type ServerSettings } from "../workflow/nats/settings.js";

export class RunServer {
	readonly #run: string;
	readonly #links: readonly Link[];
	/** Undefined until the streams are there. */
	#prepared: { readonly server: ServerSettings; readonly session: Session } | undefined;

	constructor(run: string, links: readonly Link[]) {
		this.#run = run;
		this.#links = links.filter(({ transport }) => transport === "nats");
	}

	/** @throws DHMEM_BAD_ARGUMENT for wrong settings, or what is missing at the server */
	async prepare(note: (text: string) => void): Promise<void> {
		if (this.#links.length === 0) return;
		const server = readServer(process.env);
		try {
			const session = await prepareServer(server, this.#run, this.#links);
			noteConnection(session, note);
			this.#prepared = { server, session };
		} catch (error) {
			// Some of them may be there. If they can't be removed either, the first error says why.
			await clearServer(server, this.#run, this.#links).catch(() => {});
			throw error;
		}
	}

	/** What is needed to keep the large blocks of the run's tasks. */
	get keeping(): Keeping | undefined {
		if (this.#prepared === undefined) return undefined;
		const { server, session } = this.#prepared;
		return { run: this.#run, session, links: this.#links, settings: server.pull };
	}

	/** Removes the run's streams. A server that is gone by then does not make the run fail. */
	async clear(note: (text: string) => void): Promise<void> {
		if (this.#prepared === undefined) return;
		const { server, session } = this.#prepared;
		await session.connection.close();
		try {
			await clearServer(server, this.#run, this.#links);
		} catch (error) {
			note(
				`the streams of this run are left on the NATS server: ${error instanceof Error ? error.message : error}`,
			);
		}
	}
}
