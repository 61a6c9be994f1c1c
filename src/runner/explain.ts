/**
 * Describes a workflow in plain words, for `dhmem run --explain`: its tasks, its links, and how messages
 * travel.
 */
import { type Link, linkName } from "../workflow/links.js";
import { readServer } from "../workflow/nats/settings.js";
import type { FileLink, TaskSpec, Workflow } from "./workflow-file.js";

/** @param elsewhere the tasks that other machines run */
export function explain(workflow: Workflow, runtime: string, elsewhere: readonly string[] = []): string {
	const { name, region, tasks, links } = workflow;
	return [
		`Workflow ${name}: ${tasks.length} tasks, started in any order, each as ${runtime === "process" ? "a process" : `a ${runtime} container`}.`,
		...(elsewhere.length === 0
			? []
			: [`Other machines run ${list(elsewhere)}. No task starts before each has its machine.`]),
		`They share one region of memory, of at most ${region.size ?? "4 GiB"}, which is created for the run and removed after it.`,
		"",
		...tasks.map((task) => explainTask(task, links)),
		"",
		...links.map(explainLink),
	].join("\n");
}

function explainTask(
	{ name, command, image, rootfs, restart, restarts }: TaskSpec,
	links: readonly Link[],
): string {
	const what = [command?.join(" "), image && `in image ${image}`, rootfs && `in ${rootfs}`].filter(Boolean);
	const inputs = links.filter(({ to }) => to.task === name).map(({ to }) => to.port);
	const outputs = links.filter(({ from }) => from.task === name).map(({ from }) => from.port);
	return [
		`${name} runs ${what.join(" ")}`,
		inputs.length === 0 ? "receives nothing" : `receives ${list(inputs)}`,
		outputs.length === 0 ? "sends nothing" : `sends ${list(outputs)}`,
		{
			no: "and is not restarted.",
			"on-failure": `and is restarted when it fails, up to ${restarts} times.`,
			always: `and is restarted whenever it ends, up to ${restarts} times.`,
		}[restart],
	].join(", ");
}

function list(ports: readonly string[]): string {
	return [...new Set(ports)].join(" and ");
}

function explainLink(link: FileLink): string {
	const { from, to, policy, capacity, keep, transport, why } = link;
	const how = {
		block: `${from.task} waits when it is full (${capacity ?? "1 MiB"}${capacity === undefined ? "" : " bytes"}), so nothing is lost`,
		"drop-oldest": `it keeps the last ${keep ?? 16} messages and drops older ones, so ${from.task} never waits`,
		latest: `it keeps only the newest message, so ${from.task} never waits and ${to.task} always gets the newest`,
	}[policy];
	const through =
		transport === "nats"
			? `over NATS at ${readServer(process.env).servers.join(", ")}`
			: "through shared memory";
	return `${linkName(link)}: ${through}, ${why}; ${how}.`;
}
