/** Views whose memory has gone. */
import { rmSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eachInFolder, limitedTest, regionPath, within } from "../fixture/index.js";
import { start } from "./stage.js";

eachInFolder();

limitedTest(
	"views that are kept after closing read zeros and never fault, also after collecting",
	async () => {
		const child = start("keepViews", [], ["--expose-gc"]);
		const result = (await child.hear()) as { views: number };
		assert.equal(result, { views: 80, nonzero: 0, changed: false, fresh: false, collected: true });
		const { code, signal } = await child.ended;
		assert.equal([code, signal], [0, null]);
	},
);

limitedTest(
	"a file that is cut under a running process is DHMEM_TRUNCATED, and views read zeros",
	async () => {
		for (const where of [0, 4096, 65536, 1 << 20, 3 << 20]) {
			const child = start("cut", [where]);
			const results = (await within(10_000, "the cut", child.hear())) as Record<string, unknown>;
			const { code, signal, errors } = await child.ended;
			assert.equal([code, signal, errors], [0, null, ""], `cut to ${where}`);
			const { sum, view, reopen, close, ...operations } = results;
			// Cut behind all that is in use, it may take until something reaches there.
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

test.run();
