/** Decides how each link communicates. The decision is written into the tasks' environment, so it is the same on both sides. */
import { DhmemError } from "../errors.js";
import { type Transport, transportOf } from "../workflow/environment.js";
import { type Carrier, type Link, linkName } from "../workflow/links.js";
import type { FileLink, Workflow } from "./workflow-file.js";

/** Why the two tasks of a link don't see the same region, and what would change that, in words. */
export interface Separation {
	readonly why: string;
	readonly remedy: string;
}

/**
 * The workflow, with what carries each link: what the link itself says, else `DHMEM_TRANSPORT`, else what the
 * file says for all links, else `auto`: shared memory if both tasks see the same region, otherwise NATS.
 *
 * @param separationOf undefined for a link whose tasks see the same region
 * @throws DHMEM_BAD_ARGUMENT if shared memory is to carry a link of two tasks that don't
 */
export function chooseTransports(
	workflow: Workflow,
	variables: NodeJS.ProcessEnv,
	separationOf: (link: Link) => Separation | undefined,
): Workflow {
	const fromEnvironment = transportOf("DHMEM_TRANSPORT", variables.DHMEM_TRANSPORT);
	const links = workflow.links.map((link) => {
		const candidates: readonly [Transport | undefined, string][] = [
			[link.requested, "because the link says so"],
			[fromEnvironment, "because DHMEM_TRANSPORT says so"],
			[workflow.transport, "because the workflow file says so"],
		];
		const [transport, why] = candidates.find(([each]) => each !== undefined) ?? ["auto", ""];
		const separation = separationOf(link);
		if (transport === "shm" && separation !== undefined) throw apart(link, separation, why);
		if (transport !== undefined && transport !== "auto") return chosen(link, transport, why);
		return separation === undefined
			? chosen(link, "shm", "because both tasks see the same region")
			: chosen(link, "nats", `because ${separation.why}`);
	});
	return { ...workflow, links };
}

/** Tells of links whether one of their tasks is not among those of this machine. */
export function betweenMachines({ tasks }: Workflow): (link: Link) => Separation | undefined {
	const here = new Set(tasks.map(({ name }) => name));
	return ({ from, to }) => {
		const elsewhere = [from, to].find(({ task }) => !here.has(task))?.task;
		return elsewhere === undefined
			? undefined
			: { why: `${elsewhere} runs on another machine`, remedy: "run both tasks on one machine (--only)" };
	};
}

function chosen(link: FileLink, transport: Carrier, why: string): FileLink {
	return { ...link, transport, why };
}

function apart(link: FileLink, { why, remedy }: Separation, because: string): DhmemError {
	return new DhmemError(
		"DHMEM_BAD_ARGUMENT",
		`${linkName(link)} is to use shared memory, ${because}, but ${why}; let it be auto or nats, or ${remedy}`,
	);
}
