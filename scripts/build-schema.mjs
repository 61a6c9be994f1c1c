// Compiles the schema of workflow files to a function, dist/schema/check.js, so that the package needs no validator.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import standalone from "ajv/dist/standalone/index.js";

const schema = new URL("../schema/workflow.schema.json", import.meta.url);
const ajv = new Ajv2020({
	allErrors: true,
	verbose: true,
	allowUnionTypes: true,
	// Otherwise the code would import a function of ajv. The schema only asks whether a text is empty.
	unicode: false,
	logger: false, // It would call that option deprecated.
	code: { source: true, esm: true },
});
const code = standalone.default(ajv, ajv.compile(JSON.parse(readFileSync(schema, "utf8"))));
if (/\b(require|import)\b/.test(code)) throw new Error("the compiled schema needs a module of ajv");
const folder = new URL("../dist/schema/", import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL("check.js", folder), code);
