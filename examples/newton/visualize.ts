/** The task `visualize`: shows in the terminal how the points converge, and leaves a plot as an SVG. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Region } from "dhmem";
import { task } from "./cli.js";
import { Convergence } from "./convergence.js";
import { visualizeOptions } from "./options.js";
import { PROGRESS } from "./protocol.js";
import { renderSvg } from "./svg.js";
import { viewOn } from "./terminal.js";

await task("visualize", async () => {
	const { values: options } = parseArgs({ options: visualizeOptions });
	using region = Region.open(options.region, { label: "visualize" });
	using progress = region.queue(PROGRESS).consumer();

	const convergence = new Convergence();
	const view = viewOn(process.stdout);
	for await (const message of progress) {
		convergence.add(message.as("f64"));
		view.update(convergence);
	}
	view.finish(convergence);
	writeFileSync(options.svg, renderSvg(convergence));
	console.log(`plot: ${options.svg}`);
});
