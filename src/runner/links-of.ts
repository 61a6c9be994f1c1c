import type { LocalLink } from "../workflow/links.js";
import type { Workflow } from "./workflow-file.js";

/** The links of a task, by the names it calls them: those of its own ports. */
export function linksOf({ links }: Pick<Workflow, "links">, task: string): LocalLink[] {
	return links.flatMap((link) => [
		...(link.from.task === task ? [{ local: link.from.port, link }] : []),
		...(link.to.task === task ? [{ local: link.to.port, link }] : []),
	]);
}
