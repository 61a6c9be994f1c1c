/**
 * Exports a workflow as a Kubernetes pod. Every task becomes a container. They share a volume in memory,
 * which exists as long as the pod.
 */
import type { Pod } from "kubernetes-types/core/v1.js";
import { INSIDE } from "../runner/runtime.js";
import type { Workflow } from "../runner/workflow-file.js";
import { groupOf, literal, notExportable, roomOf, type Service, servicesOf } from "./service.js";

const VOLUME = "dhmem";

/** @throws DHMEM_BAD_ARGUMENT */
export function podOf(workflow: Workflow): Pod {
	const group = groupOf(workflow);
	const room = roomOf(workflow);
	const containers = servicesOf(workflow).map(containerOf);
	const names = new Set(containers.map(({ name }) => name));
	if (names.size < containers.length) {
		throw notExportable(
			`two tasks would have the same name in Kubernetes (the names are ${[...names].join(", ")}); rename one`,
		);
	}
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: labelOf(workflow.name) },
		spec: {
			restartPolicy: restartPolicyOf(workflow),
			securityContext: { fsGroup: group, supplementalGroups: [group] },
			containers,
			volumes: [
				{
					name: VOLUME,
					emptyDir: { medium: "Memory", ...(room === undefined ? {} : { sizeLimit: String(room) }) },
				},
			],
		},
	};
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

/** Turns a name into a Kubernetes name (RFC 1123). */
function labelOf(name: string): string {
	const label = name.toLowerCase().replaceAll("_", "-");
	if (/^[a-z0-9](.*[a-z0-9])?$/.test(label)) return label;
	throw notExportable(
		`Kubernetes does not allow the name ${name}; begin and end it with a letter or a digit`,
	);
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
