/**
 * What the runners of a run tell each other of their links, since each knows only its own half of a link between machines.
 * It arrives at different times, so it proves nothing, but it says which tasks seem to wait for each other.
 */
import type { LinkSnapshot } from "../workflow/link-snapshot.js";
import { keyOf } from "../workflow/nats/names.js";
import type { Session } from "../workflow/nats/session.js";

/** Milliseconds between two messages of a runner, and after which the last one of another means nothing any more. */
const INTERVAL = 1000;
const STALE = 10_000;

interface Told {
	readonly id: string;
	readonly tasks: readonly string[];
	readonly links: readonly LinkSnapshot[];
}

export class SharedLinks {
	readonly #session: Session;
	readonly #subject: string;
	readonly #me: Pick<Told, "id" | "tasks">;
	readonly #others = new Map<string, { readonly told: Told; readonly at: number }>();
	#last = Number.NEGATIVE_INFINITY;

	constructor(session: Session, run: string, me: Pick<Told, "id" | "tasks">) {
		this.#session = session;
		this.#subject = `dhmem_room.${keyOf(run)}.links`;
		this.#me = me;
		session.connection.subscribe(this.#subject, {
			callback: (error, message) => {
				const told = error === null ? readTold(message.string()) : undefined;
				if (told !== undefined && told.id !== me.id)
					this.#others.set(told.id, { told, at: performance.now() });
			},
		});
	}

	/** Tells the others of the links of this machine, and returns those of all machines. */
	share(links: readonly LinkSnapshot[]): LinkSnapshot[] {
		const now = performance.now();
		const own = { id: this.#me.id, tasks: this.#me.tasks, links };
		const { connection } = this.#session;
		if (now - this.#last >= INTERVAL && !connection.isClosed()) {
			this.#last = now;
			connection.publish(this.#subject, JSON.stringify(own));
		}
		const others = [...this.#others.values()].filter(({ at }) => now - at < STALE);
		return joined([own, ...others.map(({ told }) => told)]);
	}
}

/** Undefined if no runner has written it: others may send there, too. */
function readTold(text: string): Told | undefined {
	try {
		const { id, tasks, links } = JSON.parse(text);
		return Array.isArray(tasks) && Array.isArray(links) ? { id, tasks, links } : undefined;
	} catch {
		return undefined;
	}
}

/** Puts the halves of links together. */
function joined(all: readonly Told[]): LinkSnapshot[] {
	const halves = new Map<string, { from?: LinkSnapshot; to?: LinkSnapshot }>();
	for (const { tasks, links } of all) {
		for (const link of links) {
			const known = halves.get(link.name) ?? {};
			halves.set(link.name, {
				...known,
				...(tasks.includes(link.from) ? { from: link } : {}),
				...(tasks.includes(link.to) ? { to: link } : {}),
			});
		}
	}
	return [...halves.values()].flatMap(({ from, to }) => {
		if (from === undefined || to === undefined || from === to) return from ?? to ?? [];
		const { received, receiving, polling } = to;
		const depth = Math.max((from.sent - received - from.dropped) | 0, 0);
		// What is on its way to a task ends its wait.
		return {
			...from,
			received,
			depth,
			...(depth === 0 ? { receiving, polling } : { receiving: 0, polling: 0 }),
		};
	});
}
