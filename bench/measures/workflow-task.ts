/**
 * One task of a workflow shape: `node workflow-task.js PLACE SHAPE MIDDLE TASK`. Each link has two blocks, which are
 * handed over full and handed back empty: so nothing is copied, and neither side is ever more than two steps ahead.
 */
import type { Consumer, Producer } from "../../src/index.js";
import type { Job } from "../measure.js";
import { openRegion, present } from "../region.js";
import { checkStep, fillStep, linksOf, type Shape } from "../shapes.js";

const BLOCKS = 2;
const none = new Uint8Array(0);

interface End {
	link: number;
	producer: Producer;
	consumer: Consumer;
}

const [place, shape, middle, task] = process.argv.slice(2) as [string, Shape, string, string];
const region = openRegion(place, "1GiB");
const links = linksOf(shape, Number(middle)).map((link, index) => ({ ...link, index }));
const queue = (name: string) => region.queue(name, { capacity: "4KiB" });

const inputs: End[] = links
	.filter(({ to }) => to === Number(task))
	.map(({ index }) => ({
		link: index,
		producer: queue(`empty ${index}`).producer(),
		consumer: queue(`full ${index}`).consumer(),
	}));
const outputs: End[] = links
	.filter(({ from }) => from === Number(task))
	.map(({ index }) => ({
		link: index,
		producer: queue(`full ${index}`).producer(),
		consumer: queue(`empty ${index}`).consumer(),
	}));

function take({ link, consumer, producer }: End, step: number): void {
	const block = present(consumer.receiveSync()).take();
	checkStep(block.as("i32"), step, link);
	producer.sendSync(none, { block });
}

function give({ link, consumer, producer }: End, step: number, job: Job): void {
	const block = step < BLOCKS ? region.allocate(job.size) : present(consumer.receiveSync()).take();
	fillStep(block.as("i32"), step, link, job);
	producer.sendSync(none, { block });
}

function run(job: Job): void {
	for (let step = 0; step < job.count; step++) {
		for (const input of inputs) take(input, step);
		for (const output of outputs) give(output, step, job);
	}
	for (const { consumer } of outputs) {
		for (let block = 0; block < Math.min(BLOCKS, job.count); block++)
			present(consumer.receiveSync()).release();
	}
}

/** Who is to be told may be gone. */
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
