/** The task `render`: writes an image of each step that it receives. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Task } from "dhmem/workflow";
import { frameOf } from "./fields.js";
import { imageOf } from "./image.js";

const { values: options } = parseArgs({
	options: { images: { type: "string", default: "gray-scott-images" } },
});

using task = Task.fromEnvironment();
mkdirSync(options.images, { recursive: true });
for await (const message of task.input("fields")) {
	const { step, fields } = frameOf(message);
	writeFileSync(join(options.images, `step-${String(step).padStart(6, "0")}.png`), imageOf(fields));
}
