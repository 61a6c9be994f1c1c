/** The NATS server that `--with-nats` adds: a Service, and a StatefulSet of one with a volume. */
import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import type { Container, EnvVar, Service } from "kubernetes-types/core/v1.js";
import type { Workflow } from "../runner/workflow-file.js";
import { capacityOf } from "../workflow/nats/stream.js";
import { labelOf } from "./names.js";

/** The official image. It has a shell, too. */
export const SERVER_IMAGE = "docker.io/library/nats:2-alpine";
const PORT = 4222;
const PORT_NAME = "client";
const VOLUME = "data";
const FOLDER = "/data";
/** Bytes of the smallest volume. */
const LEAST_ROOM = 2 ** 30;
/** The pods of a StatefulSet have a label that consists of its name and a hash. */
const LONGEST = 52;

/** Also its host name. It begins with a letter, as the name of a Service must. */
export function serverNameOf({ name }: Pick<Workflow, "name">): string {
	return labelOf(`nats-${name}`, LONGEST);
}

export function serverAddressOf(workflow: Workflow): string {
	return `nats://${serverNameOf(workflow)}:${PORT}`;
}

/** @param login the variables with user and password, if the server is to know one */
export function serverObjects(workflow: Workflow, login: readonly EnvVar[]): [Service, StatefulSet] {
	const name = serverNameOf(workflow);
	const labels = { app: name };
	const service: Service = {
		apiVersion: "v1",
		kind: "Service",
		metadata: { name },
		spec: { selector: labels, ports: [{ name: PORT_NAME, port: PORT, targetPort: PORT_NAME }] },
	};
	const container: Container = {
		name: "nats",
		image: SERVER_IMAGE,
		args: [
			...["-js", "-sd", FOLDER],
			// Kubernetes replaces these.
			...(login.length === 0 ? [] : ["--user", "$(DHMEM_NATS_USER)", "--pass", "$(DHMEM_NATS_PASSWORD)"]),
		],
		...(login.length === 0 ? {} : { env: [...login] }),
		ports: [{ name: PORT_NAME, containerPort: PORT }],
		readinessProbe: { tcpSocket: { port: PORT_NAME } },
		volumeMounts: [{ name: VOLUME, mountPath: FOLDER }],
	};
	const resources = { requests: { storage: String(roomOf(workflow)) } };
	const set: StatefulSet = {
		apiVersion: "apps/v1",
		kind: "StatefulSet",
		metadata: { name },
		spec: {
			serviceName: name,
			replicas: 1,
			selector: { matchLabels: labels },
			// Nothing is left when what was exported is deleted.
			persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Retain" },
			template: { metadata: { labels }, spec: { containers: [container] } },
			volumeClaimTemplates: [
				{ metadata: { name: VOLUME }, spec: { accessModes: ["ReadWriteOnce"], resources } },
			],
		},
	};
	return [service, set];
}

/** Waits until the server listens, because a runner does not: its image may come later than those of the tasks. */
export function serverWait(workflow: Workflow): Container {
	return {
		name: "wait-for-nats",
		image: SERVER_IMAGE,
		command: ["/bin/sh", "-c", `until nc -z ${serverNameOf(workflow)} ${PORT}; do sleep 1; done`],
	};
}

/**
 * Bytes of the volume. The server reserves the capacities of the links, and by default uses three quarters of the volume at
 * most. A message that is large for its link raises that link's capacity.
 */
function roomOf({ links }: Workflow): number {
	const capacities = links
		.filter(({ transport }) => transport === "nats")
		.map((link) => Math.max(capacityOf(link), 0));
	return Math.max(LEAST_ROOM, 2 * capacities.reduce((sum, each) => sum + each, 0));
}
