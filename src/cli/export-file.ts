/** The `dhmem export` command, for one file. */
import { Document, visit } from "yaml";
import { exportOf } from "../export/exported.js";
import { readWorkflow } from "../runner/workflow-file.js";
import { escapeControls } from "../terminal/escape.js";
import type { ExportOptions, FormatName } from "./export-formats.js";
import { fromUser } from "./usage-error.js";

export function exportFile(format: FormatName, file: string, options: ExportOptions): void {
	const withNats = options.withNats === true;
	const { objects, notes } = fromUser(() => exportOf(format, readWorkflow(file), process.env, withNats));
	// Compose and Kubernetes read YAML 1.1, in which an unquoted `no` means false.
	const documents = objects.map(
		(object) => new Document(object, { version: "1.1", aliasDuplicateObjects: false }),
	);
	const command = ["dhmem export", format, ...(withNats ? ["--with-nats"] : []), file].join(" ");
	const [first] = documents;
	if (first !== undefined) first.commentBefore = [command, ...notes].map((line) => ` ${line}`).join("\n");
	process.stdout.write(documents.map(textOf).join("---\n"));
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
