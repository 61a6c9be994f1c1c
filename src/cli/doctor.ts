import { type Command, InvalidArgumentError } from "commander";
import { directoryOf } from "../attachment/region-options.js";
import { findFacts } from "../doctor/facts.js";
import { type Finding, findingsOf } from "../doctor/findings.js";
import { meet } from "../doctor/peer.js";
import { soundnessOf } from "../doctor/soundness.js";
import { escapeControls, toJson } from "../terminal/escape.js";
import type { Style } from "../terminal/paint.js";
import { Interruption } from "../workflow/interruption.js";
import { onOutput } from "./on-output.js";

interface DoctorOptions {
	peer?: true;
	region?: string;
	/** Seconds. */
	timeout: number;
	json?: true;
}

export function doctor(program: Command): void {
	program
		.command("doctor")
		.description(
			"check that regions work on this machine, and say what is wrong and what to do; exits with 1 if anything is wrong",
		)
		.option("--region <name>", "also check this region for damage; it may be in use, and is only read")
		.option("--peer", "also exchange messages with a second doctor, started in another container")
		.option("--timeout <seconds>", "how long to wait for the second doctor", parseSeconds, 30)
		.option("--json", "as JSON")
		.action(async (options: DoctorOptions) => {
			process.exitCode = await examine(options);
		});
}

function parseSeconds(text: string): number {
	const seconds = Number(text);
	if (text.trim() !== "" && seconds >= 0) return seconds;
	throw new InvalidArgumentError("It must be a number of seconds, 0 or more.");
}

async function examine({ peer, region, timeout, json }: DoctorOptions): Promise<number> {
	const directory = directoryOf({});
	// Checked first, because the next step joins the region, which recovers from dead participants.
	const soundness = region === undefined ? [] : soundnessOf(directory, region);
	const facts = findFacts(directory);
	const findings = [...findingsOf(facts), ...soundness];
	const shown = json ? [] : findings;
	for (const finding of shown) print(finding);
	if (peer && isWell(findings)) {
		if (!json) console.log(`         waiting ${timeout} s for the other \`dhmem doctor --peer\``);
		const interruption = new Interruption("dhmem doctor");
		const met = await meet(facts, { timeout: timeout * 1000, signal: interruption.signal });
		findings.push(met);
		if (!json) print(met);
	}
	if (json) console.log(toJson({ ok: isWell(findings), findings }));
	return isWell(findings) ? 0 : 1;
}

function isWell(findings: readonly Finding[]): boolean {
	return findings.every(({ status }) => status !== "problem");
}

const styles: Readonly<Record<Finding["status"], Style>> = { ok: "green", warning: "yellow", problem: "red" };

function print({ about, status, text, todo }: Finding): void {
	const mark = onOutput().paint(styles[status], status) + " ".repeat(8 - status.length);
	console.log(`${mark} ${escapeControls(about)}: ${escapeControls(text)}`);
	if (todo !== undefined) console.log(`         → ${escapeControls(todo)}`);
}
