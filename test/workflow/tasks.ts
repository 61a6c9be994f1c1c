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
	readonly #variables: NodeJS.ProcessEnv;
	readonly #own: Readonly<Record<string, NodeJS.ProcessEnv>>;
	readonly #left: Promise<void>[] = [];
	readonly #others: Task[] = [];

	/**
	 * @param links as in `DHMEM_LINKS`, without the local names, which are those of the ports
	 * @param variables more for their environment
	 * @param own more for the environment of single tasks
	 */
	constructor(
		links: string[],
		variables: NodeJS.ProcessEnv = {},
		own: Readonly<Record<string, NodeJS.ProcessEnv>> = {},
	) {
		this.#own = own;
		this.#links = links;
		this.#variables = variables;
		this.#region = Region.open(`tasks-${randomUUID()}`, { directory: this.#place.regions, size: "64MiB" });
	}

	/** Another opening of the tasks' region. */
	open(label: string): Region {
		return Region.open(this.#region.name, { directory: this.#place.regions, label });
	}

	/** The name of the run on a server. */
	get run(): string {
		return this.#region.name;
	}

	get(name: string): Task {
		const known = this.#tasks.get(name);
		if (known !== undefined) return known;
		const task = Task.fromEnvironment(this.environmentOf(name));
		this.#tasks.set(name, task);
		return task;
	}

	/** Another run of a task, beside the first. @param variables more for its environment */
	another(name: string, links = this.#linksOf(name), variables: NodeJS.ProcessEnv = {}): Task {
		const task = Task.fromEnvironment({ ...this.environmentOf(name, links), ...variables });
		this.#others.push(task);
		return task;
	}

	#linksOf(name: string): string[] {
		return this.#links.flatMap((text) => {
			const [, from, fromPort, to, toPort] = /^(\w+)\.(\w+)>(\w+)\.(\w+)/.exec(text) ?? [];
			return [
				...(from === name ? [`${fromPort}=${text}`] : []),
				...(to === name ? [`${toPort}=${text}`] : []),
			];
		});
	}

	/** The environment of a task, for a process of its own. */
	environmentOf(name: string, links = this.#linksOf(name)): Record<string, string | undefined> {
		return {
			DHMEM_REGION: this.#region.name,
			DHMEM_DIR: this.#place.regions,
			DHMEM_TASK: name,
			DHMEM_LINKS: links.join(","),
			...this.#variables,
			...this.#own[name],
		};
	}

	/** Ends the task, which may then be started again. */
	leave(name: string): Promise<void> | undefined {
		const task = this.#tasks.get(name);
		this.#tasks.delete(name);
		task?.close();
		if (task !== undefined) this.#left.push(task.closed);
		return task?.closed;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		for (const name of [...this.#tasks.keys()]) void this.leave(name);
		for (const task of this.#others) task.close();
		await Promise.all([...this.#left, ...this.#others.map(({ closed }) => closed)]);
		this[Symbol.dispose]();
	}

	[Symbol.dispose](): void {
		for (const name of [...this.#tasks.keys()]) void this.leave(name);
		this.#region.unlink();
		this.#region.close();
		this.#place.remove();
	}
}
