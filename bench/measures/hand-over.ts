/** Handing a block to another process and getting it back. */
import type { Block, Producer, Size } from "../../src/index.js";
import { checkRecord, meanTrip, recordOf } from "../data.js";
import type { Measure } from "../measure.js";
import { native } from "../native.js";
import { pair, type Works } from "../pair.js";
import { openRegion } from "../region.js";
import { spin } from "../spin.js";

const from = import.meta.url;
const GIBIBYTE = 2 ** 30;

export const handOver: Measure = {
	name: "hand-over",
	title: "handing over a block of 1 GiB, filled, and getting it back",
	short: "Hand over a block of 1 GiB, and get it back",
	unit: "µs",
	better: "less",
	aim: { of: "ratio", atMost: 1.2 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "hand-over", count: 2 ** 17, size: GIBIBYTE }),
		pair({ name: "dhmem, 64 B", role: "peer", from, work: "hand-over", count: 2 ** 17, size: 64 }),
		native({
			name: "memcpy of 1 GiB there and back",
			role: "floor",
			program: "copy",
			args: ["there-and-back"],
			count: 4,
			size: GIBIBYTE,
		}),
	],
	quick: 512,
	leavesOut:
		"Allocating and filling, which happen before. Each side checks and changes the first and the last number; the " +
		"numbers between them are checked once a round.",
};

const none = new Uint8Array(0);

function ends(place: string, asks: boolean, size: Size) {
	const region = openRegion(place, size);
	const [out, back] = asks ? ["there", "back"] : ["back", "there"];
	const producer = region.queue(out as string).producer();
	const consumer = region.queue(back as string).consumer();
	return { region, producer, take: () => consumer.tryReceive()?.take() };
}

function give(producer: Producer, block: Block): void {
	producer.sendSync(none, { block });
}

/** The number that fills the block, except its first and last element. */
const FILL = 7.5;

function handingOver(size: Size): Works[string] {
	return {
		measure: (place) => {
			const { region, producer, take } = ends(place, true, size);
			let block: Block | undefined;
			return (job) => {
				const last = job.size / 8 - 1;
				if (block === undefined) {
					block = region.allocate(job.size);
					block.as("f64").fill(FILL);
				}
				const figure = meanTrip(job, (sequence) => {
					const sent = (block as Block).as("f64");
					sent[0] = recordOf(sequence, job);
					sent[last] = recordOf(sequence, job);
					give(producer, block as Block);
					block = spin(take);
					const back = block.as("f64");
					checkRecord(back[0], sequence + 1);
					checkRecord(back[last], sequence + 1);
				});
				const values = block.as("f64");
				for (let i = 1; i < last; i++) {
					if (values[i] !== FILL) throw new Error(`The block is wrong at ${i}`);
				}
				return figure;
			};
		},
		serve: (place) => {
			const { producer, take } = ends(place, false, size);
			return ({ count, size }) => {
				const last = size / 8 - 1;
				for (let sequence = 0; sequence < count; sequence++) {
					const block = spin(take);
					const values = block.as("f64");
					values[0] = (values[0] as number) + 1;
					values[last] = (values[last] as number) + 1;
					give(producer, block);
				}
			};
		},
	};
}

export const works: Works = {
	"hand-over": handingOver("2GiB"),
	"hand-over-bulk": handingOver("16GiB"),
};
