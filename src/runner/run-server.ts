/** What a run has on a NATS server, if any of its links uses one. */

import type { Link } from "../workflow/links.js";
import { clearServer, prepareServer, type StopAnswering } from "../workflow/nats/manage.js";
import { readServer, type ServerSettings } from "../workflow/nats/settings.js";

export class RunServer {
	readonly #run: string;
	readonly #links: readonly Link[];
	/** Undefined until the streams are there. */
	#prepared: ServerSettings | undefined;
	#stopAnswering: StopAnswering | undefined;

	constructor(run: string, links: readonly Link[]) {
		this.#run = run;
		this.#links = links.filter(({ transport }) => transport === "nats");
	}

	/** @throws DHMEM_BAD_ARGUMENT for wrong settings, or what is missing at the server */
	async prepare(): Promise<void> {
		if (this.#links.length === 0) return;
		const server = readServer(process.env);
		try {
			this.#stopAnswering = await prepareServer(server, this.#run, this.#links);
		} catch (error) {
			// Some of them may be there. If they can't be removed either, the first error says why.
			await clearServer(server, this.#run, this.#links).catch(() => {});
			throw error;
		}
		this.#prepared = server;
	}

	/** Removes the run's streams. A server that is gone by then does not make the run fail. */
	async clear(note: (text: string) => void): Promise<void> {
		if (this.#prepared === undefined) return;
		await this.#stopAnswering?.();
		try {
			await clearServer(this.#prepared, this.#run, this.#links);
		} catch (error) {
			note(
				`the streams of this run are left on the NATS server: ${error instanceof Error ? error.message : error}`,
			);
		}
	}
}
