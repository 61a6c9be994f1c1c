/** The task `evaluate`: y and y' of a x² + b x + c, for each batch of guesses that steer sends. */
import { parseArgs } from "node:util";
import { Region } from "dhmem";
import { task } from "./cli.js";
import { evaluateOptions } from "./options.js";
import { GUESSES, HEADER, STRIDE, VALUES } from "./protocol.js";

await task("evaluate", async () => {
	const { values: options } = parseArgs({ options: evaluateOptions });
	using region = Region.open(options.region, { label: "evaluate" });
	using guesses = region.queue(GUESSES).consumer();
	using values = region.queue(VALUES).producer();

	for await (const message of guesses) await values.send(evaluate(message.as("f64")));
	values.end();
});

/** Reads the guesses where they are, in the region; only the values are new. */
function evaluate(guesses: Float64Array): Float64Array {
	const points = (guesses.length - HEADER.guesses) / STRIDE.guesses;
	const values = new Float64Array(HEADER.values + points * STRIDE.values);
	const [batch = Number.NaN] = guesses;
	values[0] = batch;
	for (let i = 0; i < points; i++) {
		const from = HEADER.guesses + i * STRIDE.guesses;
		const [a = 0, b = 0, c = 0, x = 0] = guesses.subarray(from, from + STRIDE.guesses);
		values.set([(a * x + b) * x + c, 2 * a * x + b], HEADER.values + i * STRIDE.values);
	}
	return values;
}
