/** The task `evaluate`: computes y and y' of a x² + b x + c for each batch of guesses that steer sends. */
import { Task } from "dhmem/workflow";
import { HEADER, STRIDE } from "./protocol.js";

using task = Task.fromEnvironment();
const values = task.output("values");
for await (const message of task.input("guesses")) await values.send(evaluate(message.as("f64")));
values.end();

/** Computes the values of a batch. The guesses are read in place, in the region. */
function evaluate(guesses: Float64Array): Float64Array {
	const points = (guesses.length - HEADER.guesses) / STRIDE.guesses;
	const answer = new Float64Array(HEADER.values + points * STRIDE.values);
	const [batch = Number.NaN] = guesses;
	answer[0] = batch;
	for (let i = 0; i < points; i++) {
		const from = HEADER.guesses + i * STRIDE.guesses;
		const [a = 0, b = 0, c = 0, x = 0] = guesses.subarray(from, from + STRIDE.guesses);
		answer.set([(a * x + b) * x + c, 2 * a * x + b], HEADER.values + i * STRIDE.values);
	}
	return answer;
}
