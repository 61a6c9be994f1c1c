/** What most tests need: a region of their own, gone afterwards. */
import { test } from "uvu";
import { DhmemError, Region, type RegionOptions } from "../src/index.js";

export { codeOf } from "./region-child.js";

/** A test in a temporary region, which other processes can open by its name. */
export function regionTest(
	title: string,
	body: (region: Region) => Promise<void> | void,
	options: Pick<RegionOptions, "size"> = { size: "64MiB" },
): void {
	test(title, async () => {
		using region = Region.temporary(options);
		await body(region);
	});
}

/** The error that `body` throws. */
export function failure(body: () => unknown): DhmemError {
	try {
		body();
	} catch (error) {
		if (error instanceof DhmemError) return error;
		throw error;
	}
	throw new Error("nothing was thrown");
}
