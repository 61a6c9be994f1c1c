import type { LocalLink } from "../workflow/links.js";
import type { Workflow } from "./workflow-file.js";

/** Returns the links of a task, each with the name of the task's own port. */
export function linksOf({ links }: Pick<Workflow, "links">, task: string): LocalLink[] {
	return links.flatMap((link) => [
		...(link.from.task === task ? [{ local: link.from.port, link }] : []),
		...(link.to.task === task ? [{ local: link.to.port, link }] : []),
	]);
}
