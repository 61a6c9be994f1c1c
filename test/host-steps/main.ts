/**
 * The host's steps with full counts: each operation is cut off at each of its system calls, in each way. Then the
 * controls, which leave steps out or change their order, and must be found.
 *
 * node dist/test/host-steps/main.js [--operation NAME] [--modes MODE,…]
 */
import { parseArgs } from "node:util";
import { missedControls } from "./controls.js";
import { swept } from "./operations.js";
import { modesAmong, sweepAloud } from "./reporting.js";
import { Sweep } from "./sweep.js";

const { values } = parseArgs({
	options: { operation: { type: "string" }, modes: { type: "string" } },
});
const modes = modesAmong(values.modes);

const sweep = await Sweep.start();
const chosen = swept.filter(({ name }) => name === (values.operation ?? name));
await sweepAloud(sweep, chosen, modes);
const missed = values.operation === undefined ? missedControls() : 0;
process.exitCode = missed + sweep.report.failures.length === 0 && chosen.length > 0 ? 0 : 1;
