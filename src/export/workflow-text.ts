/** The workflow file that exported pods get. */
import type { FileLink, TaskSpec, Workflow } from "../runner/workflow-file.js";
import { portName } from "../workflow/links.js";

/** The working folder of the process that reads this: of `dhmem run`, so that of the image. */
const FOLDER_OF_IMAGE = "/proc/self/cwd";

/** Returns what the file says, with what was chosen for each link, and without what only containers have. */
export function fileOf({ name, region, tasks, links }: Workflow): object {
	const { size, permissions } = region;
	return {
		name,
		region: {
			...(size === undefined ? {} : { size }),
			...(permissions === undefined ? {} : { permissions: `0${permissions.toString(8)}` }),
		},
		tasks: Object.fromEntries(tasks.map((task) => [task.name, taskOf(task)])),
		links: links.map(linkOf),
	};
}

function taskOf({ command, environment, directory = FOLDER_OF_IMAGE, restart, restarts }: TaskSpec): object {
	return { command, environment, directory, ...(restart === "no" ? {} : { restart, restarts }) };
}

function linkOf({ from, to, policy, capacity, keep, transport }: FileLink): object {
	return {
		from: portName(from),
		to: portName(to),
		policy,
		...(capacity === undefined ? {} : { capacity }),
		...(keep === undefined ? {} : { keep }),
		transport,
	};
}
