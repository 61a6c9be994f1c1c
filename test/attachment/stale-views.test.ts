/** Views whose memory has gone. */
import { rmSync, statSync, truncateSync } from "node:fs";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { directory, eachInFolder, errorOf, limitedTest, regionPath } from "../fixture/index.js";
import { start } from "./stage.js";

eachInFolder();

limitedTest(
	"views kept after closing read zeros and never fault, also after garbage collection",
	async () => {
		const child = start("keepViews", [], ["--expose-gc"]);
		const result = (await child.hear()) as { views: number };
		assert.equal(result, { views: 80, nonzero: 0, changed: false, fresh: false, collected: true });
		const { code, signal } = await child.ended;
		assert.equal([code, signal], [0, null]);
	},
);

limitedTest(
	"truncating the file under a running process is DHMEM_TRUNCATED, and views read zeros",
	async () => {
		for (const where of [0, 4096, 65536, 1 << 20, 3 << 20]) {
			const child = start("cut", [where]);
			const results = (await child.hear()) as Record<string, unknown>;
			const { code, signal, errors } = await child.ended;
			assert.equal([code, signal, errors], [0, null, ""], `cut to ${where}`);
			const { sum, view, reopen, close, ...operations } = results;
			// If the file is cut behind everything in use, it may take time until something reaches that place.
			if (where < 1 << 20) {
				assert.equal([sum, view], [0, 0], `cut to ${where}`);
				for (const [what, result] of Object.entries(operations)) {
					assert.is(result, "DHMEM_TRUNCATED", `cut to ${where}: ${what}`);
				}
			} else {
				for (const [what, result] of Object.entries(operations)) {
					assert.match(
						String(result),
						/^(nothing|DHMEM_(TRUNCATED|CLOSED|BAD_ARGUMENT))$/,
						`cut to ${where}: ${what}`,
					);
				}
			}
			assert.is(reopen, "DHMEM_FORMAT", `cut to ${where}`);
			assert.is(close, "nothing", `cut to ${where}`);
			rmSync(regionPath("region"));
		}
	},
);

for (const [what, isRead, length, words] of [
	["read meanwhile", true, 0, "made it as long as before"],
	["not read meanwhile", false, 0, "made it as long as before"],
	["not read meanwhile, and kept its header", false, 4096, "made it as long as before"],
	["read meanwhile, and kept its tables", true, 65536, "A page of"],
] as const) {
	test(`a file that was truncated and is as long as before is DHMEM_TRUNCATED, if it was ${what}`, () => {
		const region = Region.open("region", { directory, size: "1MiB" });
		const { bytes } = region.allocate(100_000);
		const { size } = statSync(region.path);
		truncateSync(region.path, length);
		if (isRead) assert.is(bytes[50_000], 0);
		truncateSync(region.path, size);
		const error = errorOf(() => region.allocate(1));
		assert.is(error.code, "DHMEM_TRUNCATED");
		assert.match(error.message, words);
		rmSync(region.path);
	});
}

test.run();
