/** TypeDoc plugin: which documents the site has, in groups, each under its own heading. */
import { readdirSync, readFileSync } from "node:fs";
import { Application, Converter } from "typedoc";

const project = new URL("../../", import.meta.url);

const groups = {
	Guides: [
		"docs/installing.md",
		"docs/workflows.md",
		"docs/transports.md",
		"docs/languages.md",
		"docs/command-line.md",
		"docs/containers.md",
		"docs/watching.md",
		"docs/guarantees.md",
		"docs/performance.md",
		"docs/faq.md",
		"SECURITY.md",
		"CHANGELOG.md",
	],
	Recipes: [
		"docs/recipes.md",
		...[
			"worker-pool",
			"cache",
			"rate-limit",
			"frames",
			"hot-restart",
			"request-and-answer",
			"several-consumers",
			"nats",
		].map((name) => `docs/recipes/${name}.md`),
	],
	Examples: ["newton", "gray-scott", "synthetic", "snakemake", "job-queue"].map(
		(name) => `examples/${name}/README.md`,
	),
	"For maintainers": [
		"CONTRIBUTING.md",
		"docs/architecture.md",
		"docs/maintaining.md",
		"docs/decisions.md",
		"docs/releasing.md",
	],
	"For embedders": ["docs/core-abi.md"],
};

const FAQ = "When something goes wrong";

const titleIn = (text) => /^# (.*)$/m.exec(text)?.[1];

/** @param {import("typedoc").Application} app */
export function load(app) {
	const documents = Object.entries(groups).flatMap(([group, paths]) =>
		paths.map((path) => ({ group, path })),
	);
	for (const name of readdirSync(new URL("docs/", project), { recursive: true })) {
		if (!name.endsWith(".md") || documents.some(({ path }) => path === `docs/${name}`)) continue;
		throw new Error(`docs/${name} is in no group; add it to scripts/site/documents.mjs`);
	}
	const groupOf = new Map(
		documents.map(({ group, path }) => [titleIn(readFileSync(new URL(path, project), "utf8")), group]),
	);
	app.on(Application.EVENT_BOOTSTRAP_END, () => {
		app.options.setValue(
			"projectDocuments",
			documents.map(({ path }) => new URL(path, project).pathname),
		);
		app.options.setValue("groupOrder", [...Object.keys(groups), "Modules", "*"]);
	});
	app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => {
		const title = titleIn(document.content[0].text);
		document.name = title;
		document.frontmatter.group = groupOf.get(title);
	});
	// Readers who search for an error code want to know what to do.
	app.converter.on(
		Converter.EVENT_RESOLVE_END,
		({ project: { documents } }) => {
			documents.find(({ name }) => name === FAQ).relevanceBoost = 40;
		},
		-1000,
	);
	// The page shows the project's name already.
	app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project: { readme } }) => {
		readme[0].text = readme[0].text.replace(/^# .*\n/, "");
	});
}
