/**
 * Exports a workflow whose tasks have places for Kubernetes. Every place becomes a Job with one pod. In it, `dhmem run` runs
 * the tasks of the place, as one of several machines of the run.
 */
import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import type { Job } from "kubernetes-types/batch/v1.js";
import type { ConfigMap, EnvVar, Service, Volume, VolumeMount } from "kubernetes-types/core/v1.js";
import type { Separation } from "../runner/choose-transport.js";
import { INSIDE } from "../runner/runtime.js";
import type { TaskSpec, Workflow } from "../runner/workflow-file.js";
import { toJson } from "../terminal/escape.js";
import type { Link } from "../workflow/links.js";
import { memoryOf } from "./kubernetes.js";
import { serverObjects, serverWait } from "./kubernetes-server.js";
import { checkDifferent, labelOf, notExportable } from "./names.js";
import type { NatsAccess } from "./nats.js";
import { checkDirectory, imageOf, literal } from "./service.js";
import { fileOf } from "./workflow-text.js";

export type JobObject = ConfigMap | Service | StatefulSet | Job;

const FILE = "workflow.json";
const FILE_FOLDER = "/etc/dhmem/workflow";
/** Where the files are that the variables of the server name. */
const LOGIN_FOLDER = "/etc/dhmem/nats";

/** True if the workflow is exported as Jobs. */
export function hasPlaces({ tasks }: Workflow): boolean {
	return tasks.some(({ place }) => place !== undefined);
}

/** Tells of links whether their tasks have different places. */
export function betweenPlaces({ tasks }: Workflow): (link: Link) => Separation | undefined {
	const places = new Map(tasks.map(({ name, place }) => [name, place]));
	return ({ from, to }) =>
		places.get(from.task) === places.get(to.task)
			? undefined
			: { why: `${from.task} and ${to.task} have different places`, remedy: "give them the same place" };
}

/**
 * @param withServer exports the server too
 * @throws DHMEM_BAD_ARGUMENT
 */
export function jobsOf(workflow: Workflow, access: NatsAccess, withServer: boolean): JobObject[] {
	const { tasks } = workflow;
	const file: ConfigMap = {
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: { name: labelOf(workflow.name) },
		data: { [FILE]: toJson(fileOf(workflow)) },
	};
	const places = [...new Set(tasks.map(({ place }) => place))];
	const jobs = places.map((place) => {
		const own = tasks.filter((task) => task.place === place);
		return jobOf(workflow, place, own, access, withServer);
	});
	checkDifferent(
		"places",
		jobs.map(({ metadata }) => metadata?.name ?? ""),
	);
	const login = access.secrets.map((key) => secretVariable(workflow, key));
	return [file, ...(withServer ? serverObjects(workflow, login) : []), ...jobs];
}

/** Says how to make the Secret that the pods need, if they need one. */
export function secretNotes(workflow: Workflow, { secrets, files }: NatsAccess): string[] {
	const parts = [
		...secrets.map((key) => `--from-literal=${key}=...`),
		...Object.entries(files).map(([key, path]) => `--from-file=${key}=${path}`),
	];
	return parts.length === 0
		? []
		: [`needs a Secret: kubectl create secret generic ${secretOf(workflow)} ${parts.join(" ")}`];
}

function secretOf({ name }: Workflow): string {
	return labelOf(`${name}-nats`);
}

function secretVariable(workflow: Workflow, key: string): EnvVar {
	return { name: key, valueFrom: { secretKeyRef: { name: secretOf(workflow), key } } };
}

function jobOf(
	workflow: Workflow,
	place: string | undefined,
	tasks: readonly TaskSpec[],
	access: NatsAccess,
	withServer: boolean,
): Job {
	const variables = { ...access.variables, DHMEM_DIR: INSIDE };
	const files = Object.keys(access.files);
	const only = tasks.map(({ name }) => name).join(",");
	const volumes: [Volume, VolumeMount][] = [
		[memoryOf("dhmem", workflow), { name: "dhmem", mountPath: INSIDE }],
		[
			{ name: "workflow", configMap: { name: labelOf(workflow.name) } },
			{ name: "workflow", mountPath: FILE_FOLDER },
		],
		...(files.length === 0 ? [] : [loginFiles(workflow, files)]),
	];
	const container = {
		name: "tasks",
		image: commonImageOf(tasks),
		args: [
			...["dhmem", "run", "--server", access.address, "--run", workflow.name],
			...["--only", only, `${FILE_FOLDER}/${FILE}`],
		].map(literal),
		env: [
			...Object.entries(variables).map(([name, value]) => ({ name, value })),
			...access.secrets.map((key) => secretVariable(workflow, key)),
			...files.map((key) => ({ name: key, value: `${LOGIN_FOLDER}/${key}` })),
		],
		volumeMounts: volumes.map(([, mount]) => mount),
	};
	return {
		apiVersion: "batch/v1",
		kind: "Job",
		metadata: { name: labelOf(place === undefined ? workflow.name : `${workflow.name}-${place}`) },
		spec: {
			// The runner restarts tasks. If it fails, so do those of the other pods.
			backoffLimit: 0,
			template: {
				spec: {
					restartPolicy: "Never",
					...(withServer ? { initContainers: [serverWait(workflow)] } : {}),
					containers: [container],
					volumes: volumes.map(([volume]) => volume),
				},
			},
		},
	};
}

function loginFiles(workflow: Workflow, keys: readonly string[]): [Volume, VolumeMount] {
	const items = keys.map((key) => ({ key, path: key }));
	return [
		{ name: "nats", secret: { secretName: secretOf(workflow), items } },
		{ name: "nats", mountPath: LOGIN_FOLDER, readOnly: true },
	];
}

/** The image of a place. @throws DHMEM_BAD_ARGUMENT if its tasks can't run in one container */
function commonImageOf(tasks: readonly TaskSpec[]): string {
	for (const task of tasks) {
		checkDirectory(task);
		if (task.command !== undefined) continue;
		throw notExportable(
			`task ${task.name} has no command, but \`dhmem run\` starts the tasks of a place; add a command`,
		);
	}
	const [image = "", ...others] = new Set(tasks.map(imageOf));
	if (others.length === 0) return image;
	throw notExportable(
		`the tasks of a place run in one container, but ${tasks.map(({ name }) => name).join(", ")} have different images ` +
			`(${[image, ...others].join(", ")}); give them the same image, or different places`,
	);
}
