/** Decides how each link communicates. The decision is written into the tasks' environment, so it is the same on both sides. */
import { type Transport, transportOf } from "../workflow/environment.js";
import type { Carrier } from "../workflow/links.js";
import type { FileLink, Workflow } from "./workflow-file.js";

/**
 * The workflow, with what carries each link: what the link itself says, else `DHMEM_TRANSPORT`, else what the
 * file says for all links, else `auto`, which is shared memory because all tasks run on this machine.
 *
 * @throws DHMEM_BAD_ARGUMENT
 */
export function chooseTransports(workflow: Workflow, variables: NodeJS.ProcessEnv): Workflow {
	const fromEnvironment = transportOf("DHMEM_TRANSPORT", variables.DHMEM_TRANSPORT);
	const links = workflow.links.map((link) => {
		const candidates: readonly [Transport | undefined, string][] = [
			[link.requested, "because the link says so"],
			[fromEnvironment, "because DHMEM_TRANSPORT says so"],
			[workflow.transport, "because the workflow file says so"],
		];
		const [transport, why] = candidates.find(([each]) => each !== undefined) ?? ["auto", ""];
		return transport === undefined || transport === "auto"
			? chosen(link, "shm", "because both tasks see the same region")
			: chosen(link, transport, why);
	});
	return { ...workflow, links };
}

function chosen(link: FileLink, transport: Carrier, why: string): FileLink {
	return { ...link, transport, why };
}
