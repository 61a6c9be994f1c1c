// Prints the translated core with one instruction changed, so that a test can see whether it is noticed:
// `node scripts/change-translation.mjs core.c`. In the function that publishes a message, the first addition becomes a
// subtraction.
import { readFileSync } from "node:fs";

const text = readFileSync(process.argv[2], "utf8");
const start = text.indexOf(
	"u32 w2c_dhmem_commit_0(w2c_dhmem* instance, u32 var_p0, u32 var_p1, u32 var_p2) {",
);
const addition = text.indexOf(" += ", start);
const end = text.indexOf("\n}\n", start);
if (start < 0 || addition < 0 || addition > end)
	throw new Error("There is no such instruction in the translation");
process.stdout.write(`${text.slice(0, addition)} -= ${text.slice(addition + 4)}`);
