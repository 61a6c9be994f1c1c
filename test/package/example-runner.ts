/**
 * Runs compiled examples one after another, each with regions of its own: `climate`, where another participant has sent
 * something and left, and those of a workflow. Prints the name of each before it runs.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";
import { Region } from "dhmem";
import { Task } from "dhmem/workflow";

const [folder = "", ...programs] = process.argv.slice(2);

const workflow = {
	DHMEM_REGION: "newton",
	DHMEM_TASK: "evaluate",
	DHMEM_LINKS: "guesses=steer.guesses>evaluate.guesses,values=evaluate.values>steer.values",
};
Object.assign(process.env, workflow);

async function send(): Promise<void> {
	using region = Region.open("climate");
	using steps = region.queue("steps").producer();
	steps.sendMany(["step 1", "step 2"]);
	steps.end();
	using samples = region.queue("samples", { record: "f64" }).producer();
	samples.pushMany(Float64Array.of(0.5, 0.25));
	samples.end();
	using steer = Task.fromEnvironment({ ...process.env, DHMEM_TASK: "steer" });
	await steer.output("guesses").send(Float64Array.of(1, 2));
	steer.output("guesses").end();
}

/** Throws unless an example has printed what its comments say, in that order and perhaps more. */
function checkPrinted(program: string, printed: string[]): void {
	let from = 0;
	for (const [, said = ""] of readFileSync(program, "utf8").matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)) {
		const at = printed.indexOf(said, from);
		if (at < 0) throw new Error(`It does not print ${said}, but ${printed.slice(from).join(" | ")}`);
		from = at + 1;
	}
}

const print = console.log;
let failed = false;
for (const program of programs) {
	const regions = mkdtempSync(join(folder, "regions-"));
	process.env.DHMEM_DIR = regions;
	print(program);
	await send();
	const printed: string[] = [];
	console.log = (...data) => void printed.push(format(...data));
	try {
		await import(pathToFileURL(program).href);
		checkPrinted(program, printed);
	} catch (error) {
		console.error(program, error);
		failed = true;
	}
	rmSync(regions, { recursive: true });
}
// An example may leave something open.
process.exit(failed ? 1 : 0);
