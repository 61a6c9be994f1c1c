/** `npm start`: runs the workflow of newton.yaml. What is said here the tasks find in their environment, as NEWTON_…. */
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
			/** A CSV file of problems, instead. */
			problems: { type: "string" },
			/** Where to write every point with its root, as JSON. */
			results: { type: "string" },
			/** Where to write the plot. */
			svg: { type: "string", default: process.env.NEWTON_SVG ?? "newton.svg" },
			/** Milliseconds between batches, for those who want to watch. */
			pace: { type: "string" },
			/** The workflow file. */
			workflow: { type: "string", default: WORKFLOW },
		},
	});
	const { workflow, problems, results, svg, ...figures } = values;
	const environment: NodeJS.ProcessEnv = {};
	for (const [name, value] of Object.entries(figures)) environment[`NEWTON_${name.toUpperCase()}`] = value;
	// The tasks have a working folder of their own.
	for (const [name, path] of Object.entries({ problems, results, svg })) {
		if (path !== undefined) environment[`NEWTON_${name.toUpperCase()}`] = resolve(path);
	}
	process.exitCode = await runWorkflow(workflow, environment);
});
