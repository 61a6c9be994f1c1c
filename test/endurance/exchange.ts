/** Six tasks in a ring send to the next one and receive at once, much more than the region has room for. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Place } from "../fixture/index.js";

const TASKS = 6;
/** This takes as long as the machine needs. */
const NO_TIMEOUT = 0;
const PROGRAM = fileURLToPath(new URL("exchange-task.js", import.meta.url));

export interface Exchange {
	/** The number of bytes that all tasks send together. */
	bytes: number;
	/** The length of each message, which travels as a block. */
	message: number;
	/** The size of the region in bytes. */
	region: number;
}

export interface Exchanged {
	code: number | null;
	errors: string;
	seconds: number;
	/** The most memory that the region had at any time, in bytes. */
	most: number;
}

export async function exchange({ bytes, message, region }: Exchange): Promise<Exchanged> {
	const names = Array.from({ length: TASKS }, (_, i) => `task-${i}`);
	const workflow = {
		name: "exchange",
		region: { size: region },
		tasks: Object.fromEntries(names.map((name) => [name, { command: [process.execPath, PROGRAM] }])),
		// At most two blocks are under way: this bounds the memory, and not only the size of the region.
		links: names.map((name, i) => ({
			from: `${name}.out`,
			to: `${names[(i + 1) % TASKS]}.in`,
			capacity: 64,
		})),
	};
	const place = new Place();
	const started = performance.now();
	let most = 0;
	const look = setInterval(() => {
		for (const file of place.left()) most = Math.max(most, sizeOf(join(place.regions, file)));
	}, 50);
	try {
		const file = place.write("exchange.json", workflow);
		const environment = { BYTES: String(bytes / TASKS), MESSAGE: String(message) };
		const { code, stderr } = await place.run(["run", file], environment, NO_TIMEOUT);
		return { code, errors: stderr, seconds: (performance.now() - started) / 1000, most };
	} finally {
		clearInterval(look);
		place.remove();
	}
}

/** The bytes of memory that a file has; 0 if it is gone. */
function sizeOf(path: string): number {
	return (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}
