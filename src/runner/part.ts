/** What one machine has of a workflow that runs on several. */
import { createHash } from "node:crypto";
import { DhmemError } from "../errors.js";
import type { Workflow } from "./workflow-file.js";

/**
 * The workflow with these tasks only, and with the links that they have.
 *
 * @throws DHMEM_BAD_ARGUMENT for a task that it doesn't have
 */
export function partOf(workflow: Workflow, only: readonly string[]): Workflow {
	const known = workflow.tasks.map(({ name }) => name);
	const unknown = only.find((name) => !known.includes(name));
	if (unknown !== undefined) {
		throw new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			`--only names ${unknown}, but there is no such task; the tasks are ${known.join(", ")}`,
		);
	}
	return {
		...workflow,
		tasks: workflow.tasks.filter(({ name }) => only.includes(name)),
		links: workflow.links.filter(({ from, to }) => only.includes(from.task) || only.includes(to.task)),
	};
}

/** The same for two files that say the same, wherever they are. */
export function digestOf({ folder: _, ...contents }: Workflow): string {
	return createHash("sha256").update(JSON.stringify(contents)).digest("hex");
}
