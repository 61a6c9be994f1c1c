/** The task `visualize`: prints how the points converge, and writes a plot as SVG. */
import { writeFileSync } from "node:fs";
import { Task } from "dhmem/workflow";
import { Convergence } from "./convergence.js";
import { renderSvg } from "./svg.js";
import { Table } from "./table.js";

const svg = process.env.NEWTON_SVG ?? "newton.svg";

using task = Task.fromEnvironment();
const convergence = new Convergence();
const table = new Table();
for await (const message of task.input("progress")) {
	convergence.add(message.as("f64"));
	table.update(convergence);
}
table.finish(convergence);
writeFileSync(svg, renderSvg(convergence));
console.log(`plot: ${svg}`);
