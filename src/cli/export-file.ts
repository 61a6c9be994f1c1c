/** What `dhmem export` does with a file. */
import { Document } from "yaml";
import { composeOf } from "../export/compose.js";
import { podOf } from "../export/kubernetes.js";
import { notesOf } from "../export/service.js";
import { readWorkflow, type Workflow } from "../runner/workflow-file.js";
import type { FormatName } from "./export.js";
import { fromUser } from "./usage-error.js";

const formats: Record<FormatName, (workflow: Workflow) => object> = { compose: composeOf, kubernetes: podOf };

export function exportFile(format: FormatName, file: string): void {
	const workflow = fromUser(() => readWorkflow(file));
	// Both are read by the rules of YAML 1.1, by which a bare no is false.
	const document = new Document(
		fromUser(() => formats[format](workflow)),
		{ version: "1.1" },
	);
	document.commentBefore = [`dhmem export ${format} ${file}`, ...notesOf(workflow)]
		.map((line) => ` ${line}`)
		.join("\n");
	process.stdout.write(document.toString());
}
