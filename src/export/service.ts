/** The common part of both formats: each task as an image, its arguments and its environment. */
import { isAbsolute } from "node:path";
import { linksOf } from "../runner/links-of.js";
import { INSIDE } from "../runner/runtime.js";
import type { TaskSpec, Workflow } from "../runner/workflow-file.js";
import { fileSize, parseRegionSize } from "../values/region-size.js";
import { writeEnvironment } from "../workflow/environment.js";
import { linkName } from "../workflow/links.js";
import { notExportable } from "./names.js";

/** The group of the folder, of which every container is a member. Any otherwise unused number will do. */
const GROUP = 10_000;
/**
 * The first container creates the region, and the others may run as other users, so the group may write too.
 */
const PERMISSIONS = 0o660;

export interface Service extends TaskSpec {
	readonly image: string;
}

/**
 * Returns the tasks with their complete environment.
 *
 * @throws DHMEM_BAD_ARGUMENT for a task without an image
 */
export function servicesOf(workflow: Workflow): Service[] {
	const network = workflow.links.find(({ transport }) => transport === "nats");
	if (network !== undefined) {
		throw notExportable(
			`${linkName(network)} is to communicate over NATS, ${network.why}, but the exported tasks share memory; let it be auto ` +
				"or shm, or give the tasks places, for Kubernetes",
		);
	}
	return workflow.tasks.map((task) => {
		const { name } = task;
		const image = imageOf(task);
		checkDirectory(task);
		const environment = writeEnvironment({
			region: workflow.name,
			directory: INSIDE,
			task: name,
			links: linksOf(workflow, name),
			runner: undefined,
			permissions: workflow.region.permissions ?? PERMISSIONS,
			size: workflow.region.size,
			// Only this workflow uses the folder, although the mode of an `emptyDir` lets every user write to it.
			trust: "any",
		});
		return { ...task, image, environment: { ...task.environment, ...environment } };
	});
}

/** @throws DHMEM_BAD_ARGUMENT if it has none */
export function imageOf({ name, image }: TaskSpec): string {
	if (image !== undefined) return image;
	throw notExportable(`task ${name} has no image, but a container needs one; add an image`);
}

/** @throws DHMEM_BAD_ARGUMENT for a relative one */
export function checkDirectory({ name, directory }: TaskSpec): void {
	if (directory === undefined || isAbsolute(directory)) return;
	throw notExportable(
		`task ${name} has the relative directory ${directory}; give an absolute path inside the container`,
	);
}

export function groupOf({ region }: Workflow): number {
	return region.group ?? GROUP;
}

/** Returns the size that the folder needs, in bytes; undefined if the file has no region size. */
export function roomOf({ region }: Workflow): number | undefined {
	return region.size === undefined ? undefined : fileSize(parseRegionSize(region.size));
}

/** Returns notes about settings that only `dhmem run` uses, which the user has to translate by hand. */
export function notesOf({ tasks }: Workflow): string[] {
	return tasks
		.filter(({ options }) => options.length > 0)
		.map(({ name, options }) => `not exported: options of ${name}: ${options.join(" ")}`);
}

/** Escapes `$`, which begins a variable in both formats. */
export function literal(text: string): string {
	return text.replaceAll("$", "$$$$");
}
