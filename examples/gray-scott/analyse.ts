/** The task `analyse`: writes a line of figures about each step that it receives. */
import { parseArgs } from "node:util";
import { Task } from "dhmem/workflow";
import { frameOf } from "./fields.js";
import { ResultsFile } from "./results-file.js";
import { STATISTICS_HEADER, statisticsOf } from "./statistics.js";

const { values: options } = parseArgs({
	options: { results: { type: "string", default: "gray-scott.csv" } },
});

using task = Task.fromEnvironment();
const results = new ResultsFile(options.results, STATISTICS_HEADER);
for await (const message of task.input("fields")) {
	const { step, isFirst, fields } = frameOf(message);
	if (isFirst) results.begin();
	results.add(step, statisticsOf(fields));
}
