/** The workflows that are exported in tests. */
import { parseWorkflow } from "../../src/runner/workflow-file.js";

export const tasks = {
	evaluate: {
		command: "node evaluate.js",
		image: "newton-evaluate",
		environment: { PRICE: "5 $", COUNT: 3 },
	},
	steer: {
		command: "node steer.js --fast | tee log",
		image: "newton-steer",
		restart: "on-failure",
		restarts: 3,
	},
	visualize: { image: "newton-visualize", directory: "/results" },
};
export const newton = {
	name: "newton",
	region: { size: "1GiB", group: 12000 },
	tasks,
	links: [
		{ from: "evaluate.values", to: "steer.values" },
		{ from: "evaluate.values", to: "visualize.values", policy: "latest" },
		{ from: "steer.guesses", to: "evaluate.guesses", capacity: "1MiB" },
	],
};

/** The same in two places. The tasks of one have the same image. */
export const placed = {
	...newton,
	tasks: {
		evaluate: { ...tasks.evaluate, place: "back" },
		steer: { ...tasks.steer, place: "front", image: "newton-front" },
		visualize: { ...tasks.visualize, place: "front", image: "newton-front", command: "node visualize.js" },
	},
};

export function workflow(changes: object = {}) {
	return parseWorkflow(JSON.stringify({ ...newton, ...changes }), "newton.json");
}

/** Changes of it, and what it is with them. */
export const shapes = [
	["of three tasks", {}],
	["that says no more than it must", { region: undefined, links: [], tasks: { one: { image: "one" } } }],
	[
		"the tasks of which are always restarted",
		{ tasks: { one: { image: "one", restart: "always" } }, links: [] },
	],
] as const;
