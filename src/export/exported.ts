/** A workflow in another format: how its links communicate, and what is written. */
import { chooseTransports } from "../runner/choose-transport.js";
import type { Workflow } from "../runner/workflow-file.js";
import { composeOf } from "./compose.js";
import { podOf } from "./kubernetes.js";
import { betweenPlaces, hasPlaces, jobsOf, secretNotes } from "./kubernetes-jobs.js";
import { serverAddressOf } from "./kubernetes-server.js";
import { notExportable } from "./names.js";
import { accessOf, accessToOwn } from "./nats.js";
import { notesOf } from "./service.js";

export interface Exported {
	/** The documents of the file. */
	readonly objects: readonly object[];
	/** What the user has to do besides. */
	readonly notes: readonly string[];
}

/**
 * @param variables as `dhmem run` would take them
 * @param withNats adds a NATS server
 * @throws DHMEM_BAD_ARGUMENT
 */
export function exportOf(
	format: "compose" | "kubernetes",
	whole: Workflow,
	variables: NodeJS.ProcessEnv,
	withNats: boolean,
): Exported {
	const notes = notesOf(whole);
	if (format === "kubernetes" && hasPlaces(whole)) {
		const workflow = chooseTransports(whole, variables, betweenPlaces(whole));
		const access = withNats ? accessToOwn(serverAddressOf(workflow), variables) : accessOf(variables);
		return {
			objects: jobsOf(workflow, access, withNats),
			notes: [...notes, ...secretNotes(workflow, access)],
		};
	}
	if (withNats) {
		throw notExportable(
			"--with-nats is for Kubernetes, and for tasks with places; without these, all tasks share memory, so leave it out",
		);
	}
	const workflow = chooseTransports(whole, variables, () => undefined);
	return { objects: [format === "compose" ? composeOf(workflow) : podOf(workflow)], notes };
}
