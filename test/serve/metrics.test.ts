/** The metrics of `dhmem serve`. `scripts/test-serve.sh` has them parsed by Prometheus' own tools too. */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Snapshot } from "../../src/inspect/watcher.js";
import { metrics } from "../../src/serve/metrics.js";
import { directory, eachInFolder } from "../fixture/index.js";
import { ask, open, reportOf, serverTest } from "./stage.js";

eachInFolder();

/** The series of a text and their values. Fails for a series that is there twice. */
function seriesOf(text: string): Map<string, number> {
	const series = new Map<string, number>();
	for (const line of text.split("\n").filter((each) => each !== "" && !each.startsWith("#"))) {
		const [, name = "", value] = /^(\S+?(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
		assert.not(series.has(name), `${name} is there twice`);
		assert.ok(Number.isFinite(Number(value)), line);
		series.set(name, Number(value));
	}
	return series;
}

serverTest("metrics have the figures of regions and queues, in OpenMetrics", async (url) => {
	const region = open("climate", { label: "simulate" });
	const producer = region.queue("fields", { capacity: 1024 }).producer();
	region.allocate(2 ** 20).free();
	for (let i = 0; i < 5; i++) producer.trySend("12345678");
	const { status, headers, body } = await ask(url, "/metrics");
	assert.equal(
		[status, headers["content-type"]],
		[200, "application/openmetrics-text; version=1.0.0; charset=utf-8"],
	);
	assert.ok(body.endsWith("\n# EOF\n"));
	const series = seriesOf(body);
	const { used, committed, trimmable, size } = region.stats();
	assert.ok(trimmable >= 2 ** 20);
	for (const [name, value] of [
		["dhmem_regions", 1],
		['dhmem_region_readable{region="climate"}', 1],
		['dhmem_region_size_bytes{region="climate"}', size],
		['dhmem_region_committed_bytes{region="climate"}', committed],
		['dhmem_region_trimmable_bytes{region="climate"}', trimmable],
		['dhmem_region_used_bytes{region="climate"}', used],
		['dhmem_region_participants{region="climate",state="alive"}', 1],
		['dhmem_region_participants{region="climate",state="dead"}', 0],
		['dhmem_queue_depth{region="climate",queue="fields"}', 5],
		['dhmem_queue_fill_ratio{region="climate",queue="fields"}', 80 / 1024],
		['dhmem_queue_sent_total{region="climate",queue="fields"}', 5],
		['dhmem_queue_received_total{region="climate",queue="fields"}', 0],
		['dhmem_queue_producers{region="climate",queue="fields"}', 1],
		['dhmem_queue_consumers{region="climate",queue="fields"}', 0],
	] as const)
		assert.is(series.get(name), value, name);
	assert.match(body, "# TYPE dhmem_queue_sent counter\n");
	assert.match(body, "# UNIT dhmem_region_used_bytes bytes\n");
});

serverTest("a client that knows only the older format gets that", async (url) => {
	open("climate").queue("fields");
	const { headers, body } = await ask(url, "/metrics", {
		headers: { accept: "text/plain;version=0.0.4,*/*" },
	});
	assert.is(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
	assert.match(body, "# TYPE dhmem_queue_sent_total counter\n");
	assert.not.match(body, /# (UNIT|EOF)/);
	const accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2";
	assert.match((await ask(url, "/metrics", { headers: { accept } })).body, "# EOF");
});

serverTest("names are escaped, and different names stay different", async (url) => {
	const region = open("hostile");
	const names = ['"} 1\ndhmem_regions 7', "back\\slash", "back\\\\slash", "\u0007", "\\u0007"];
	for (const name of names) region.queue(name, { capacity: 64 });
	const { body } = await ask(url, "/metrics");
	const depths = [...seriesOf(body).keys()].filter((name) => name.startsWith("dhmem_queue_depth"));
	assert.is(depths.length, names.length);
	assert.ok(depths.includes('dhmem_queue_depth{region="hostile",queue="\\"} 1\\ndhmem_regions 7"}'));
	assert.ok(depths.includes('dhmem_queue_depth{region="hostile",queue="back\\\\slash"}'));
});

serverTest("temporary regions have no series of their own, and too many regions are counted", async (url) => {
	open("temporary-1-2");
	open("climate").queue("fields", { capacity: 64 });
	const { body } = await ask(url, "/metrics");
	assert.is(seriesOf(body).get("dhmem_regions"), 2);
	assert.not.match(body, /region="temporary/);

	const report = await reportOf(url);
	const [region] = report.regions;
	if (region === undefined || region.error !== undefined) throw new Error("climate can't be read");
	const [queue] = region.queues;
	if (queue === undefined) throw new Error("fields is gone");
	const many: Snapshot = {
		time: 0,
		directory,
		regions: Array.from({ length: 600 }, (_, i) => ({
			...region,
			name: `region ${i}`,
			queues: Array.from({ length: i === 0 ? 300 : 1 }, (_, j) => ({ ...queue, name: `queue ${j}` })),
		})),
	};
	const series = seriesOf(metrics(many, 0.1, "openmetrics"));
	assert.is(series.get("dhmem_regions"), 600);
	assert.is(series.get('dhmem_omitted{what="regions"}'), 100);
	assert.is(series.get('dhmem_omitted{what="queues"}'), 200);
	assert.is([...series.keys()].filter((name) => name.startsWith("dhmem_queue_depth")).length, 100 + 499);
});

serverTest("a name that a damaged region has twice is there once", async (url) => {
	open("climate").queue("fields", { capacity: 64 });
	const report = await reportOf(url);
	const [region] = report.regions;
	if (region === undefined || region.error !== undefined) throw new Error("climate can't be read");
	const damaged = { ...report, regions: [{ ...region, queues: [...region.queues, ...region.queues] }] };
	seriesOf(metrics(damaged, 0.1, "openmetrics"));
});

serverTest("docs/watching.md describes every metric, and no other", async (url) => {
	open("climate").queue("fields", { capacity: 64 });
	const { body } = await ask(url, "/metrics");
	const served = new Set([...seriesOf(body).keys()].map((name) => name.split("{")[0]));
	const document = readFileSync(new URL("../../../docs/watching.md", import.meta.url), "utf8");
	const rows = document.split("\n").filter((line) => line.startsWith("| `dhmem_"));
	const described = rows.flatMap((line) => (line.split("|")[1] ?? "").match(/dhmem_\w+/g) ?? []);
	assert.equal(described.sort(), [...served].sort());
});

test.run();
