/** The workflow shapes of the original's synthetic workloads, and what their messages hold; `native/shapes.cpp` agrees. */
import type { Job } from "./measure.js";

export type Shape = "simple" | "long" | "wide";

export interface Link {
	from: number;
	to: number;
}

/** The links between tasks 0 (start), 1 to `middle`, and `middle + 1` (end). In `simple` there is nothing between. */
export function linksOf(shape: Shape, middle: number): Link[] {
	const end = middle + 1;
	const between = Array.from({ length: middle }, (_, index) => index + 1);
	switch (shape) {
		case "simple":
			return [{ from: 0, to: 1 }];
		case "long":
			return [0, ...between].map((task) => ({ from: task, to: task + 1 }));
		case "wide":
			return between.flatMap((task) => [
				{ from: 0, to: task },
				{ from: task, to: end },
			]);
	}
}

export function tasksOf(links: readonly Link[]): number {
	return Math.max(...links.map(({ to }) => to)) + 1;
}

/** The first number that link `link` carries in a step; each of the others is one more than the one before it. */
function first(step: number, link: number): number {
	return step * 100 + link * 10_000;
}

export function fillStep(values: Int32Array, step: number, link: number, { spoilt }: Job): void {
	const start = first(step, link);
	for (let i = 0; i < values.length; i++) values[i] = start + i;
	if (step === spoilt) values[values.length - 1] = 0;
}

export function checkStep(values: Int32Array, step: number, link: number): void {
	const start = first(step, link);
	let wrong = 0;
	for (let i = 0; i < values.length; i++) wrong |= (values[i] as number) ^ (start + i);
	if (wrong !== 0) throw new Error(`The message of step ${step} on link ${link} is wrong`);
}
