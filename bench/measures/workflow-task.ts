/**
 * One task of a workflow shape: `node workflow-task.js PLACE SHAPE MIDDLE TASK [REGION]`. In each step, it receives
 * a message from each task that sends to it, checks all of it, and then writes a message and hands it over to all its
 * receivers. `REGION` is the size of a region beyond the usual one; then it has only one message in a queue while it
 * writes the next one.
 */
import type { Size } from "../../src/index.js";
import type { Job } from "../measure.js";
import { openRegion, present } from "../region.js";
import { linksOf, Pattern, type Shape } from "../shapes.js";

const [place, shape, middle, number, ...further] = process.argv.slice(2) as [string, Shape, string, string];
const [size] = further as Size[];
const me = Number(number);
const region = openRegion(place, size ?? "1GiB");
const links = linksOf(shape, Number(middle));
/** Two references to blocks fit, so no task is ever more than two steps ahead. */
const queueOf = (from: number, to: number) => region.queue(`${from} to ${to}`, { capacity: 64 });
const inputs = links
	.filter(({ to }) => to === me)
	.map(({ from, to }) => ({ from, consumer: queueOf(from, to).consumer() }));
const outputs = links.filter(({ from }) => from === me).map(({ from, to }) => queueOf(from, to).producer());
const pattern = new Pattern();
const none = new Uint8Array(0);
/** The size of a message without a block that takes as much of the ring as one with a block. */
const BESIDE = 16;

function run(job: Job): void {
	for (let step = 0; step < job.count; step++) {
		for (const { from, consumer } of inputs) {
			const message = present(consumer.receiveSync());
			pattern.check(present(message.block).bytes, from, step);
			message.release();
		}
		if (outputs.length === 0) continue;
		if (size !== undefined) for (const output of outputs) output.waitSync(BESIDE);
		using block = region.allocate(job.size);
		pattern.fill(block.bytes, me, step, job);
		for (const output of outputs) output.sendSync(none, { block: block.clone() });
	}
}

/** Sends a message to the driver, which may be gone. */
const tell = (text: string) => process.send?.(text, undefined, undefined, () => {});

process.once("disconnect", () => process.exit(1));
process.on("message", (job: Job) => {
	try {
		run(job);
		tell("ready");
	} catch (error) {
		tell((error as Error).message);
	}
});
tell("ready");
