/** The `dhmem export` command, for one file. */
import { Document, visit } from "yaml";
import { composeOf } from "../export/compose.js";
import { podOf } from "../export/kubernetes.js";
import { notesOf } from "../export/service.js";
import { chooseTransports } from "../runner/choose-transport.js";
import { readWorkflow, type Workflow } from "../runner/workflow-file.js";
import { escapeControls } from "../terminal/escape.js";
import type { FormatName } from "./export-formats.js";
import { fromUser } from "./usage-error.js";

const formats: Record<FormatName, (workflow: Workflow) => object> = { compose: composeOf, kubernetes: podOf };

export function exportFile(format: FormatName, file: string): void {
	const workflow = fromUser(() => chooseTransports(readWorkflow(file), process.env));
	// Compose and Kubernetes read YAML 1.1, in which an unquoted `no` means false.
	const document = new Document(
		fromUser(() => formats[format](workflow)),
		{ version: "1.1" },
	);
	document.commentBefore = [`dhmem export ${format} ${file}`, ...notesOf(workflow)]
		.map((line) => ` ${line}`)
		.join("\n");
	process.stdout.write(textOf(document));
}

/** Matches texts that some readers of YAML 1.1, such as Go's, take for a number or a line break. */
const AMBIGUOUS = /^[-+._]*\d|[\u0085\u2028\u2029]/;

function textOf(document: Document): string {
	visit(document, {
		Scalar: (_, node) => {
			if (typeof node.value === "string" && AMBIGUOUS.test(node.value)) node.type = "QUOTE_DOUBLE";
		},
	});
	// These characters can occur in quoted strings and in comments.
	return document.toString().replace(/[\u0085\u2028\u2029]/g, escapeControls);
}
