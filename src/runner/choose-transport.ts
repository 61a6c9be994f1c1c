/** Decides how each link communicates. The decision is written into the tasks' environment, so it is the same on both sides. */
import { DhmemError } from "../errors.js";
import { type Transport, transportOf } from "../workflow/environment.js";
import { type Carrier, linkName } from "../workflow/links.js";
import type { FileLink, Workflow } from "./workflow-file.js";

/**
 * The workflow, with what carries each link: what the link itself says, else `DHMEM_TRANSPORT`, else what the
 * file says for all links, else `auto`: shared memory if both tasks run on this machine, otherwise NATS.
 *
 * @throws DHMEM_BAD_ARGUMENT if shared memory is to carry a link to another machine
 */
export function chooseTransports(workflow: Workflow, variables: NodeJS.ProcessEnv): Workflow {
	const fromEnvironment = transportOf("DHMEM_TRANSPORT", variables.DHMEM_TRANSPORT);
	const here = new Set(workflow.tasks.map(({ name }) => name));
	const links = workflow.links.map((link) => {
		const candidates: readonly [Transport | undefined, string][] = [
			[link.requested, "because the link says so"],
			[fromEnvironment, "because DHMEM_TRANSPORT says so"],
			[workflow.transport, "because the workflow file says so"],
		];
		const [transport, why] = candidates.find(([each]) => each !== undefined) ?? ["auto", ""];
		const elsewhere = [link.from, link.to].find(({ task }) => !here.has(task))?.task;
		if (transport === "shm" && elsewhere !== undefined) throw apart(link, elsewhere, why);
		if (transport !== undefined && transport !== "auto") return chosen(link, transport, why);
		return elsewhere === undefined
			? chosen(link, "shm", "because both tasks see the same region")
			: chosen(link, "nats", `because ${elsewhere} runs on another machine`);
	});
	return { ...workflow, links };
}

function chosen(link: FileLink, transport: Carrier, why: string): FileLink {
	return { ...link, transport, why };
}

function apart(link: FileLink, elsewhere: string, why: string): DhmemError {
	return new DhmemError(
		"DHMEM_BAD_ARGUMENT",
		`${linkName(link)} is to use shared memory, ${why}, but ${elsewhere} is not among the tasks of this machine; let it be ` +
			"auto or nats, or run both tasks on one machine (--only)",
	);
}
