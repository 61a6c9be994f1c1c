/**
 * The workflows of the original Dhmem's performance tests (perf/synthetic in its repository), with m tasks
 * between the first and the last:
 *
 *   simple   start → end                                        without m
 *   long     start → t1 → t2 → … → tm → end
 *   wide     start → each of t1 … tm → end
 */
export const SHAPES = ["simple", "long", "wide"] as const;
export type Shape = (typeof SHAPES)[number];

/** In each iteration, a message goes from one task to the other. */
export interface Link {
	readonly from: string;
	readonly to: string;
}

export function linksOf(shape: Shape, m: number): Link[] {
	const between = Array.from({ length: shape === "simple" ? 0 : m }, (_, i) => `t${i + 1}`);
	if (shape === "wide") {
		return between.flatMap((task) => [
			{ from: "start", to: task },
			{ from: task, to: "end" },
		]);
	}
	const chain = ["start", ...between, "end"];
	return chain.slice(1).map((to, i) => ({ from: chain[i] as string, to }));
}

/** Returns the names of the tasks in the order in which the links name them. */
export function tasksOf(links: readonly Link[]): string[] {
	return [...new Set(links.flatMap(({ from, to }) => [from, to]))];
}
