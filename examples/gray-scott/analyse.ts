/** The task `analyse`: writes a line of figures about each step that it is handed. */
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { parseArgs } from "node:util";
import { Task } from "dhmem/workflow";
import { frameOf } from "./fields.js";
import { STATISTICS_HEADER, statisticsOf } from "./statistics.js";

const { values: options } = parseArgs({
	options: { results: { type: "string", default: "gray-scott.csv" } },
});

using task = Task.fromEnvironment();
const results = createWriteStream(options.results);
results.write(`${STATISTICS_HEADER}\n`);
for await (const message of task.input("fields")) {
	const { step, fields } = frameOf(message);
	results.write(`${statisticsOf(step, fields)}\n`);
}
results.end();
await finished(results);
