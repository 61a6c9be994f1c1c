/**
 * Six tasks exchange 100 GB through a region of 1 GiB.
 *
 * node dist/test/endurance/exchange-main.js [--bytes 100GB] [--region 1GiB] [--message 16MiB]
 */
import { parseArgs } from "node:util";
import { parseSize } from "../../src/values/arguments.js";
import { exchange } from "./exchange.js";

const { values } = parseArgs({
	options: {
		bytes: { type: "string", default: "100GB" },
		region: { type: "string", default: "1GiB" },
		message: { type: "string", default: "16MiB" },
	},
});
const bytes = parseSize("bytes", values.bytes);
const region = parseSize("region", values.region);
const message = parseSize("message", values.message);
const { code, errors, seconds, most } = await exchange({ bytes, region, message });
console.log(errors);
const rate = bytes / seconds / 1e9;
console.log(
	`${values.bytes} in ${seconds.toFixed(1)} s, ${rate.toFixed(2)} GB/s; the region had ` +
		`${(most / 2 ** 20).toFixed(0)} MiB at most, of ${(region / 2 ** 20).toFixed(0)}`,
);
process.exitCode = code === 0 && most > 0 && most <= region ? 0 : 1;
