import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { type MemoryPart, readMemoryMap } from "../inspect/memory-map.js";
import type { Entry, RegionStats } from "../inspect/stats.js";
import { Region } from "../region.js";
import { escapeControls, toJson } from "../terminal/escape.js";
import { formatSize } from "../terminal/format-size.js";
import { type Cell, figure, table } from "../terminal/table.js";
import { onOutput } from "./on-output.js";
import { UsageError } from "./usage-error.js";

/** Larger regions have a bulk space, in bytes. */
const LARGEST_HEAP = 2 ** 32;

interface StatOptions {
	map?: true;
	svg?: string;
	json?: true;
}

export function stat(program: Command): void {
	program
		.command("stat")
		.description("show a region's participants, queues and named objects")
		.argument("<region>", "the region's name")
		.option("--map", "show how the region's memory is used instead")
		.option("--svg <file>", "write the map as a picture into this file")
		.option("--json", "as JSON")
		.action(async (name: string, { map, svg, json }: StatOptions) => {
			using region = Region.open(name, { mode: "read-only" });
			const parts = map || svg !== undefined ? region.lookWith(readMemoryMap) : [];
			if (svg !== undefined) {
				const { mapInSvg } = await import("./stat-svg.js");
				write(svg, mapInSvg(region.path, parts));
				if (!map) return;
			}
			if (map) {
				const { mapInText } = await import("./stat-map.js");
				console.log(json ? toJson(parts) : `${heading(region, parts)}\n\n${mapInText(parts, onOutput())}`);
				return;
			}
			const stats = region.stats();
			const entries = region.entries();
			if (json) console.log(toJson({ name, path: region.path, ...stats, entries }));
			else console.log(inWords(region.path, stats, entries));
		});
}

function write(file: string, content: string): void {
	try {
		writeFileSync(file, content);
	} catch (error) {
		throw new UsageError(`the picture can't be written: ${(error as Error).message}`);
	}
}

function heading({ path, size }: Region, parts: readonly MemoryPart[]): string {
	const used = parts.reduce((sum, part) => sum + part.used, 0);
	return `${escapeControls(path)}: ${formatSize(used)} of ${formatSize(size)} are in use`;
}

function inWords(path: string, stats: RegionStats, entries: readonly Entry[]): string {
	const { size, committed, used, bulk, trimmable, largestFree, participants, queues } = stats;
	const sizes: [string, number][] = [
		["size", size],
		["committed", committed],
		["used", used],
		...(size > LARGEST_HEAP ? [["in bulk", bulk] as [string, number]] : []),
		["trimmable", trimmable],
		["largest free", largestFree],
	];
	const tables: [string[], Cell[][]][] = [
		[sizes.map(([name]) => name), [sizes.map(([, bytes]) => figure(formatSize(bytes)))]],
		[
			["participant", "slot", ""],
			participants.map(({ label, slot, alive }) => [
				label,
				slot,
				alive ? "" : { text: "dead, not recovered from", style: "red" },
			]),
		],
		[
			["queue", "capacity", "waiting", "sent", "received", "dropped"],
			queues.map((each) => [each.name, each.capacity, each.depth, each.sent, each.received, each.dropped]),
		],
		[["object", "type"], entries.map(({ name, type }) => [name, type])],
	];
	const drawn = tables
		.filter(([, rows]) => rows.length > 0)
		.map(([head, rows]) => table(head, rows, onOutput()));
	return [escapeControls(path), ...drawn].join("\n\n");
}
