/** `npm run bench`: measures, and prints a Markdown table. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { measureGrowth } from "./growth.js";
import { type Measurement, machine, markdown } from "./measure.js";
import { measurePairs } from "./pair.js";
import { measureRecovery } from "./recovery.js";
import { measureCosts } from "./single.js";

const usage = `npm run bench -- [--quick] [--json FILE] [--only single|growth|pair]

  --quick       fewer and shorter rounds: a look, not a measurement
  --json FILE   also writes the figures there
  --only WHAT   costs inside one process, how they grow, or measurements between two`;

interface Options {
	quick: boolean;
	json: string | undefined;
	only: string | undefined;
}

function optionsOf(args: string[]): Options {
	try {
		const { values } = parseArgs({
			args,
			options: {
				quick: { type: "boolean", default: false },
				json: { type: "string" },
				only: { type: "string" },
				help: { type: "boolean", short: "h" },
			},
		});
		if (values.help) {
			console.log(usage);
			process.exit(0);
		}
		if (values.only !== undefined && !["single", "growth", "pair"].includes(values.only)) {
			throw new Error(`--only is ${values.only}; it must be single, growth or pair`);
		}
		return { quick: values.quick, json: values.json, only: values.only };
	} catch (error) {
		console.error(`${(error as Error).message}\n\n${usage}`);
		process.exit(2);
	}
}

const { quick, json, only } = optionsOf(process.argv.slice(2));
const measurements: Measurement[] = [];
const onDone = ({ what }: Measurement) => console.error(`measured: ${what}`);
const wants = (what: string) => only === undefined || only === what;
if (wants("single")) measurements.push(...measureCosts(quick ? 200 : 1000, onDone));
if (wants("growth")) {
	const rounds = quick ? 3 : 9;
	measurements.push(...measureGrowth(rounds, onDone), ...(await measureRecovery(rounds, onDone)));
}
if (wants("pair")) {
	const scale = quick ? { rounds: 3, divisor: 4 } : { rounds: 9, divisor: 1 };
	measurements.push(...(await measurePairs(scale, onDone)));
}
const where = machine();
const command = ["npm run bench", ...process.argv.slice(2)].join(" ");
console.log(`${Object.values(where).join(", ")}; \`${command}\`\n`);
console.log(markdown(measurements));
console.log("\nMedians; in brackets the least and the most. A ratio is the median of the rounds' ratios.");
if (json !== undefined) {
	writeFileSync(json, `${JSON.stringify({ machine: where, quick, measurements }, null, "\t")}\n`);
}
