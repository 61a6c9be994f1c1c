/** What Tab offers in a real bash, and whether the scripts for other shells are sound. */
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { long, type Place, placeTest, some } from "../fixture/index.js";

/** What bash offers for a line whose cursor is at its end. */
async function offered(place: Place, line: string): Promise<string[]> {
	// As readline does: bash's own word breaks, and the function that `complete` names.
	const script = `
		eval "$(dhmem completion bash)"
		COMP_LINE=$1 COMP_POINT=\${#1}
		read -r -a COMP_WORDS <<< "\${1//=/ = }"
		[[ $1 == *' ' ]] && COMP_WORDS+=("")
		COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
		compopt() { :; }
		_dhmem dhmem
		printf '%s\\n' "\${COMPREPLY[@]}"`;
	const file = place.write("complete.sh", script);
	const { code, stdout, stderr } = await place.shell(`bash ${file} '${line}'`);
	assert.is(code, 0, stderr);
	assert.is(stderr, "");
	return stdout.split("\n").filter((each) => each !== "");
}

const lines = [
	["dhmem do", ["doctor"]],
	["dhmem stat --j", ["--json"]],
	["dhmem run --runtime ", ["process", "podman", "docker"]],
	["dhmem run --runtime=po", ["podman"]],
	["dhmem completion ", ["bash", "zsh", "fish"]],
	["dhmem stat ", ["climate", "weather"]],
	["dhmem stat w", ["weather"]],
	["dhmem stat climate ", []],
	["dhmem rm climate ", ["weather"]],
	["dhmem doctor --region cl", ["climate"]],
	["dhmem doctor --region=cl", ["climate"]],
	["dhmem recv climate ", ["steps", "two\\ words"]],
	["dhmem recv --as f64 climate st", ["steps"]],
	["dhmem nonsense ", []],
	["dhmem help st", ["stat"]],
	["dhmem run comp", ["complete.sh"]],
] as const;

for (const [line, expected] of some(lines, 4, 3)) {
	placeTest(`bash completes "${line}"`, async (place) => {
		await withRegions(place, async () => {
			assert.equal([...(await offered(place, line))].sort(), [...expected].sort());
		});
	});
}

placeTest("every command that help lists is offered, and nothing else", async (place) => {
	const { stdout } = await place.run(["--help"]);
	const listed = Array.from(stdout.matchAll(/^ {2}([a-z]+) .*/gm), ([, name]) => name ?? "");
	assert.equal((await offered(place, "dhmem ")).sort(), listed.sort());
	assert.not(listed.includes("complete"));
});

long(placeTest)("inside a task, its ports are offered", async (place) => {
	const task = { DHMEM_REGION: "r", DHMEM_TASK: "steer", DHMEM_LINKS: "values=evaluate.values>steer.values" };
	const { stdout } = await place.run(["complete", "fish", "--", "recv", "v"], task);
	assert.is(stdout, "values\tan input\n");
});

test.run();

async function withRegions(place: Place, body: () => Promise<void>): Promise<void> {
	const regions = ["climate", "weather"].map((name) => Region.open(name, { directory: place.regions }));
	try {
		for (const queue of ["steps", "two words", "\u001b[31mred"]) regions[0]?.queue(queue);
		await body();
	} finally {
		for (const region of regions) region.unlink();
		for (const region of regions) region.close();
	}
}
