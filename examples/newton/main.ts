/**
 * `npm start`: runs the workflow in newton.yaml. The tasks get the options as environment variables NEWTON_….
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runWorkflow } from "../dhmem.js";
import { program } from "./cli.js";

const WORKFLOW = fileURLToPath(
	new URL("examples/newton/newton.yaml", import.meta.resolve("dhmem/package.json")),
);

await program("newton", async () => {
	const { values } = parseArgs({
		options: {
			a: { type: "string" },
			b: { type: "string" },
			c: { type: "string" },
			x0: { type: "string" },
			/** A CSV file of problems, instead of a, b, c and x0. */
			problems: { type: "string" },
			/** The file for all points with their roots, as JSON. */
			results: { type: "string" },
			/** The file for the plot. */
			svg: { type: "string", default: process.env.NEWTON_SVG ?? "newton.svg" },
			/** The file for the figures of the run, as JSON. */
			json: { type: "string", default: process.env.NEWTON_JSON ?? "newton.json" },
			/** Milliseconds between batches, to slow the run down for watching. */
			pace: { type: "string" },
			/** The workflow file. */
			workflow: { type: "string", default: WORKFLOW },
		},
	});
	const { workflow, problems, results, svg, json, ...figures } = values;
	const environment: NodeJS.ProcessEnv = {};
	for (const [name, value] of Object.entries(figures)) environment[`NEWTON_${name.toUpperCase()}`] = value;
	// Absolute, because the tasks have another working folder.
	for (const [name, path] of Object.entries({ problems, results, svg, json })) {
		if (path !== undefined) environment[`NEWTON_${name.toUpperCase()}`] = resolve(path);
	}
	process.exitCode = await runWorkflow(workflow, environment);
});
