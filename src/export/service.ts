/** What a task of a workflow is wherever somebody else runs it: an image, its arguments, and the environment. */
import { isAbsolute } from "node:path";
import { SPAN_BYTES } from "../../assembly/layout.js";
import { DhmemError } from "../errors.js";
import { linksOf } from "../runner/links-of.js";
import { INSIDE } from "../runner/runtime.js";
import type { TaskSpec, Workflow } from "../runner/workflow-file.js";
import { parseRegionSize } from "../values/arguments.js";
import { writeEnvironment } from "../workflow/environment.js";

/** Any number will do that is nobody else's: the folder belongs to it, and every container is a member. */
const GROUP = 10_000;
/** Whoever comes first makes the region; the others may be other users. */
const PERMISSIONS = 0o660;

export interface Service extends TaskSpec {
	readonly image: string;
}

/**
 * The tasks, with all of their environment.
 *
 * @throws DHMEM_BAD_ARGUMENT for a task without an image
 */
export function servicesOf(workflow: Workflow): Service[] {
	return workflow.tasks.map((task) => {
		const { name, image, directory } = task;
		if (image === undefined)
			throw notExportable(`task ${name} has no image, which a container needs; give it one`);
		if (directory !== undefined && !isAbsolute(directory)) {
			throw notExportable(
				`task ${name} has the directory ${directory}; a container needs it to begin with /`,
			);
		}
		const environment = writeEnvironment({
			region: workflow.name,
			directory: INSIDE,
			task: name,
			links: linksOf(workflow, name),
			runner: undefined,
			permissions: workflow.region.permissions ?? PERMISSIONS,
			// The folder is this workflow's alone, though everybody could write to an `emptyDir`.
			trust: "any",
		});
		return { ...task, image, environment: { ...task.environment, ...environment } };
	});
}

export function notExportable(message: string): DhmemError {
	return new DhmemError("DHMEM_BAD_ARGUMENT", message);
}

export function groupOf({ region }: Workflow): number {
	return region.group ?? GROUP;
}

/** Bytes that the folder has to have room for; undefined if the file does not say. */
export function roomOf({ region }: Workflow): number | undefined {
	return region.size === undefined ? undefined : parseRegionSize(region.size) * SPAN_BYTES;
}

/** What is said of a task for `dhmem run` alone, to be looked at by hand. */
export function notesOf({ tasks }: Workflow): string[] {
	return tasks
		.filter(({ options }) => options.length > 0)
		.map(({ name, options }) => `left out: options of ${name}: ${options.join(" ")}`);
}

/** A text in which `$` stands for itself: in both formats it begins a variable. */
export function literal(text: string): string {
	return text.replaceAll("$", "$$$$");
}
