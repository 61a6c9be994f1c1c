/** The changelog keeps to its format, so that `npm version` can make a release of it: scripts/test-package/release.mjs. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT } from "./user-folder.js";

// The links at its end have the repository's address, which a copy without a remote does not know.
const withoutLinks = (text: string) => text.replace(/^\[.*\]: http.*\n?/gm, "").trimEnd();

test("the changelog is as its tool writes it", () => {
	const tool = join(PROJECT, "node_modules/keep-a-changelog/bin.js");
	const written = execFileSync(process.execPath, [tool, "--format", "markdownlint", "--dry-run"], {
		cwd: PROJECT,
		encoding: "utf8",
		stdio: "pipe",
	});
	const changelog = readFileSync(join(PROJECT, "CHANGELOG.md"), "utf8");
	assert.fixture(withoutLinks(changelog), withoutLinks(written), "npm run changelog mends it");
});

test.run();
