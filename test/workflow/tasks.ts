/** Tasks of a workflow in this process. */
import { randomUUID } from "node:crypto";
import { Region } from "dhmem";
import { Task } from "dhmem/workflow";
import { Place } from "../fixture/index.js";

/** Tasks of this process, in a region of their own. */
export class Tasks {
	readonly #place = new Place();
	readonly #links: string[];
	readonly #region: Region;
	readonly #tasks = new Map<string, Task>();

	/** @param links as in `DHMEM_LINKS`, without the local names, which are those of the ports */
	constructor(links: string[]) {
		this.#links = links;
		this.#region = Region.open(`tasks-${randomUUID()}`, { directory: this.#place.regions, size: "64MiB" });
	}

	get(name: string): Task {
		const known = this.#tasks.get(name);
		if (known !== undefined) return known;
		const links = this.#links.flatMap((text) => {
			const [, from, fromPort, to, toPort] = /^(\w+)\.(\w+)>(\w+)\.(\w+)/.exec(text) ?? [];
			return [
				...(from === name ? [`${fromPort}=${text}`] : []),
				...(to === name ? [`${toPort}=${text}`] : []),
			];
		});
		const task = Task.fromEnvironment({
			DHMEM_REGION: this.#region.name,
			DHMEM_DIR: this.#place.regions,
			DHMEM_TASK: name,
			DHMEM_LINKS: links.join(","),
		});
		this.#tasks.set(name, task);
		return task;
	}

	/** The task ends, and may be begun again. */
	leave(name: string): void {
		this.#tasks.get(name)?.close();
		this.#tasks.delete(name);
	}

	[Symbol.dispose](): void {
		for (const name of [...this.#tasks.keys()]) this.leave(name);
		this.#region.unlink();
		this.#region.close();
		this.#place.remove();
	}
}
