/** What tests of wrong calls have in common. */
import type { Region } from "dhmem";
import { codeOf, codeOfLater, PATIENCE, within } from "../fixture/index.js";

/** Anything, where TypeScript would not have it. */
export const wrong = (value: unknown) => value as never;

function isPending(promise: unknown): promise is Promise<unknown> {
	return promise instanceof Promise;
}

/** What `action` throws, or what the promise that it gives is rejected with. */
export async function outcome(action: () => unknown): Promise<string> {
	let result: unknown;
	const code = codeOf(() => {
		result = action();
	});
	if (code !== "nothing" || !isPending(result)) return code;
	return within(PATIENCE, "settling", codeOfLater(result));
}

/** A queue's two ends, and other things to call. */
export function things(region: Region) {
	const queue = region.queue("q", { capacity: 4096 });
	const records = region.queue("r", { record: "i32", capacity: 16 });
	return {
		region,
		queue,
		records,
		producer: queue.producer(),
		consumer: queue.consumer(),
		pushing: records.producer(),
		popping: records.consumer(),
		block: region.allocate(64),
	};
}
