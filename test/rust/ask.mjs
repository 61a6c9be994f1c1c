// Sends fields to the program of docs/languages.md, and prints what it answers.
import { Region } from "../../dist/src/index.js";

const region = Region.open("climate");
const fields = region.queue("fields").producer();
for (let step = 0; step < 3; step++) {
	const block = region.allocate(80_000);
	block.as("f64").fill(step + 0.5);
	await fields.send(`step ${step}`, { block });
}
fields.end();
for await (const mean of region.queue("means").consumer()) console.log(mean.text());
region.close();
