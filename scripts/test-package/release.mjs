// A release without publishing it: `npm version` in a repository of its own, and what it makes of the changelog.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export async function release({ folder, root, succeeds, fails }) {
	const path = join(folder, "release");
	mkdirSync(path);
	for (const file of ["package.json", "package-lock.json", "CHANGELOG.md"]) {
		cpSync(join(root, file), join(path, file));
	}
	writeFileSync(join(path, ".gitignore"), "node_modules\n");
	symlinkSync(join(root, "node_modules"), join(path, "node_modules"));
	const settings = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
	const run = (program, ...flags) =>
		succeeds(`release, ${program} ${flags[0]}`, path, [program, ...flags], settings);
	const expect = (holds, what) => holds || fails(`release: ${what}`);
	const changelog = () => readFileSync(join(path, "CHANGELOG.md"), "utf8");
	const changes = () =>
		changelog()
			.split(/^(?=## |\[)/m)
			.find((part) => /^## \[?Unreleased/.test(part));

	await run("git", "init", "--quiet");
	await run("git", "config", "user.name", "a maintainer");
	await run("git", "config", "user.email", "maintainer@example.com");
	await run("git", "remote", "add", "origin", "https://github.com/example/dhmem.git");
	// The commit of a release itself has no changes that are not released.
	if (changes() === undefined) await run("npm", "run", "changelog", "--", "--create", "none");
	const [, ...lines] = changes().trimEnd().split("\n");
	await run("git", "add", ".");
	await run("git", "commit", "--quiet", "--message", "Everything is ready.");

	await run("npm", "version", "87.6.5");
	expect((await run("git", "tag"))?.trim() === "v87.6.5", "there is no tag");
	expect((await run("git", "status", "--porcelain")) === "", "there are changes that were not committed");
	const manifest = await run("git", "show", "v87.6.5:package.json");
	expect(manifest?.includes('"version": "87.6.5"'), "package.json has another version");
	const released = (await run("git", "show", "v87.6.5:CHANGELOG.md")) ?? "";
	expect(/^## \[87\.6\.5\] - \d{4}-\d\d-\d\d\n/m.test(released), "the changelog has no such version");
	expect(released.includes(lines.join("\n")), "the changes are not as they were written");
	expect(!/^## \[?Unreleased/m.test(released), "some changes are unreleased");

	await run("npm", "run", "changelog", "--", "--create", "none");
	expect(/^## \[Unreleased\]\n/m.test(changelog()), "there is no section for the next changes");
}
