/**
 * Exports a workflow as a Kubernetes pod. Every task becomes a container. They share a volume in memory,
 * which exists as long as the pod.
 */
import type { Pod } from "kubernetes-types/core/v1.js";
import { INSIDE } from "../runner/runtime.js";
import type { Workflow } from "../runner/workflow-file.js";
import { checkDifferent, labelOf, notExportable } from "./names.js";
import { groupOf, literal, roomOf, type Service, servicesOf } from "./service.js";

const VOLUME = "dhmem";

/** @throws DHMEM_BAD_ARGUMENT */
export function podOf(workflow: Workflow): Pod {
	const group = groupOf(workflow);
	const containers = servicesOf(workflow).map(containerOf);
	checkDifferent(
		"tasks",
		containers.map(({ name }) => name),
	);
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: labelOf(workflow.name) },
		spec: {
			restartPolicy: restartPolicyOf(workflow),
			securityContext: { fsGroup: group, supplementalGroups: [group] },
			containers,
			volumes: [memoryOf(VOLUME, workflow)],
		},
	};
}

/** A volume in memory, for the region. */
export function memoryOf(name: string, workflow: Workflow) {
	const room = roomOf(workflow);
	return { name, emptyDir: { medium: "Memory", ...(room === undefined ? {} : { sizeLimit: String(room) }) } };
}

function containerOf({ name, image, command, directory, environment }: Service) {
	return {
		name: labelOf(name),
		image,
		...(command === undefined ? {} : { args: command.map(literal) }),
		...(directory === undefined ? {} : { workingDir: directory }),
		env: Object.entries(environment).map(([key, value]) => ({ name: key, value: literal(value) })),
		volumeMounts: [{ name: VOLUME, mountPath: INSIDE }],
	};
}

/** A pod has one policy for all of its containers. */
function restartPolicyOf({ tasks }: Workflow): "Always" | "OnFailure" | "Never" {
	const always = tasks.filter(({ restart }) => restart === "always");
	if (always.length === tasks.length) return "Always";
	if (always.length > 0) {
		throw notExportable(
			`a pod has one restart policy for all containers, but only ${always.map(({ name }) => name).join(", ")} has ` +
				"restart: always; use on-failure there, or always for every task",
		);
	}
	return tasks.some(({ restart }) => restart === "on-failure") ? "OnFailure" : "Never";
}
