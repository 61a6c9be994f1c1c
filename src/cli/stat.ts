import type { Command } from "commander";
import type { Entry, RegionStats } from "../inspect/stats.js";
import { Region } from "../region.js";
import { escapeControls, toJson } from "../terminal/escape.js";
import { formatSize } from "../terminal/format-size.js";
import { type Cell, table } from "../terminal/table.js";

export function stat(program: Command): void {
	program
		.command("stat")
		.description("show a region's participants, queues and named objects")
		.argument("<region>", "the region's name")
		.option("--json", "as JSON")
		.action((name: string, { json }: { json?: true }) => {
			using region = Region.open(name, { mode: "read-only" });
			const stats = region.stats();
			const entries = region.entries();
			if (json) {
				console.log(toJson({ name, path: region.path, ...stats, entries }));
				return;
			}
			console.log(inWords(region.path, stats, entries));
		});
}

function inWords(path: string, stats: RegionStats, entries: readonly Entry[]): string {
	const { size, committed, used, largestFree, participants, queues } = stats;
	const tables: [string[], Cell[][]][] = [
		[["size", "committed", "used", "largest free"], [[size, committed, used, largestFree].map(formatSize)]],
		[
			["participant", "slot", ""],
			participants.map(({ label, slot, alive }) => [label, slot, alive ? "" : "dead, not recovered from"]),
		],
		[
			["queue", "capacity", "waiting", "sent", "received", "dropped"],
			queues.map((each) => [each.name, each.capacity, each.depth, each.sent, each.received, each.dropped]),
		],
		[["object", "type"], entries.map(({ name, type }) => [name, type])],
	];
	const drawn = tables.filter(([, rows]) => rows.length > 0).map(([head, rows]) => table(head, rows));
	return [escapeControls(path), ...drawn].join("\n\n");
}
