import { type Command, InvalidArgumentError } from "commander";
import { directoryOf, trustOf } from "../attachment/region-options.js";
import { rateKey } from "../inspect/rates.js";
import { Watcher } from "../inspect/watcher.js";
import { toJson } from "../terminal/escape.js";
import { paintFor } from "../terminal/paint.js";
import type { Picture } from "../top/sections.js";
import { checkRegionName } from "../values/arguments.js";
import { writeOut } from "./write-out.js";

interface TopOptions {
	/** Seconds. */
	interval: number;
	json?: true;
}

/** Milliseconds. */
const SHORTEST = 50;

export function top(program: Command): void {
	program
		.command("top")
		.description(
			"watch regions, queues and who waits for whom; only reads. If the output is no terminal, prints one picture",
		)
		.argument("[region]", "only this region")
		.option("--interval <seconds>", "the time between two looks", parseInterval, 1)
		.option("--json", "print one picture as JSON")
		.action(async (name: string | undefined, { interval, json }: TopOptions) => {
			const names = name === undefined ? undefined : [checkRegionName(name)];
			const watcher = new Watcher(directoryOf({}), trustOf({}), names);
			const milliseconds = interval * 1000;
			// Loaded only when needed, so that other commands start faster.
			const { Top, lookOnce } = await import("../top/top.js");
			if (process.stdout.isTTY && !json) {
				process.exitCode = await new Top(watcher, milliseconds, paintFor(process.stdout)).run();
			} else {
				const picture = await lookOnce(watcher, milliseconds);
				const { draw, endless } = await import("../top/draw.js");
				const { initialState } = await import("../top/state.js");
				await writeOut(
					json ? `${toJson(withRates(picture))}\n` : `${draw(picture, initialState, endless).join("\n")}\n`,
				);
				// The picture says why the region that was asked for can't be read.
				if (name !== undefined && picture.snapshot.regions[0]?.error !== undefined) process.exitCode = 1;
			}
			watcher.close();
		});
}

function parseInterval(text: string): number {
	const seconds = Number(text);
	if (seconds * 1000 >= SHORTEST && seconds <= 3600) return seconds;
	throw new InvalidArgumentError(`It must be a number of seconds, ${SHORTEST / 1000} to 3600.`);
}

function withRates({ snapshot, rates }: Picture): object {
	const regions = snapshot.regions.map((region) =>
		region.error === undefined
			? {
					...region,
					queues: region.queues.map((queue) => ({
						...queue,
						perSecond: rates.get(rateKey(region.name, queue.name)),
					})),
				}
			: region,
	);
	return { ...snapshot, regions };
}
