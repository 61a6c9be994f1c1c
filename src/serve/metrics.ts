/** A snapshot as metrics, in the text format of OpenMetrics 1.0 or in Prometheus' older one. */
import { TEMPORARY_REGION } from "../attachment/leftovers.js";
import type { WatchedQueue } from "../inspect/contents.js";
import type { ReadRegion, Snapshot } from "../inspect/watcher.js";

export type MetricsFormat = "openmetrics" | "prometheus";

export const contentTypes: Readonly<Record<MetricsFormat, string>> = {
	openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
	prometheus: "text/plain; version=0.0.4; charset=utf-8",
};

/** The most regions, and the most queues of each, that have series of their own: the first ones by name. */
const MOST_REGIONS = 500;
const MOST_QUEUES = 100;

type Labels = Record<string, string>;

/** A metric: its name without suffix, and its value for each set of labels. */
interface Family {
	name: string;
	type: "gauge" | "counter";
	help: string;
	unit?: "bytes" | "seconds" | "ratio";
	samples: [Labels, number][];
}

/** @param seconds how long it took to take the snapshot */
export function metrics({ regions }: Snapshot, seconds: number, format: MetricsFormat): string {
	// Temporary regions have a new name each time. With series of their own they would fill the database.
	const lasting = regions.filter(({ name }) => !name.startsWith(TEMPORARY_REGION));
	const shown = lasting.slice(0, MOST_REGIONS);
	const readable = shown.filter((region): region is ReadRegion => region.error === undefined);
	const queues = readable.map((region) => ({ region, queues: queuesOf(region) }));
	const omitted = {
		regions: lasting.length - shown.length,
		queues: queues.reduce((sum, each) => sum + each.region.queues.length - each.queues.length, 0),
	};
	const ofRegion = (name: string, help: string, value: (region: ReadRegion) => number): Family => ({
		name,
		type: "gauge",
		help,
		samples: readable.map((region) => [{ region: region.name }, value(region)]),
	});
	const ofQueue = (
		type: Family["type"],
		name: string,
		help: string,
		value: (queue: WatchedQueue) => number,
	): Family => ({
		name,
		type,
		help,
		samples: queues.flatMap((each) =>
			each.queues.map((queue): [Labels, number] => [
				{ region: each.region.name, queue: queue.name },
				value(queue),
			]),
		),
	});
	const families: Family[] = [
		gauge("dhmem_regions", "Regions in the folder, temporary ones included.", regions.length),
		{
			...gauge("dhmem_snapshot_duration_seconds", "Time that it took to read all regions.", seconds),
			unit: "seconds",
		},
		{
			name: "dhmem_omitted",
			type: "gauge",
			help: "Regions and queues without series of their own, because there are too many.",
			samples: Object.entries(omitted).map(([what, count]) => [{ what }, count]),
		},
		{
			name: "dhmem_region_readable",
			type: "gauge",
			help: "1 if the region can be read; 0 if it is corrupted, another user's, or no region.",
			samples: shown.map(({ name, error }) => [{ region: name }, error === undefined ? 1 : 0]),
		},
		{
			...ofRegion("dhmem_region_size_bytes", "The most the region may grow to.", ({ size }) => size),
			unit: "bytes",
		},
		{
			...ofRegion("dhmem_region_committed_bytes", "Memory of its file.", ({ committed }) => committed),
			unit: "bytes",
		},
		{
			...ofRegion(
				"dhmem_region_trimmable_bytes",
				"Free memory of its file that dhmem clean gives back.",
				({ trimmable }) => trimmable,
			),
			unit: "bytes",
		},
		{ ...ofRegion("dhmem_region_used_bytes", "Memory in blocks in use.", ({ used }) => used), unit: "bytes" },
		ofRegion("dhmem_region_objects", "Named objects.", ({ objects }) => objects),
		ofRegion("dhmem_region_queues", "Queues.", (region) => region.queues.length),
		{
			name: "dhmem_region_participants",
			type: "gauge",
			help: "Participants that are alive, and dead ones that nobody has recovered from.",
			samples: readable.flatMap(({ name, participants }): [Labels, number][] => {
				const alive = participants.filter((each) => each.alive).length;
				return [
					[{ region: name, state: "alive" }, alive],
					[{ region: name, state: "dead" }, participants.length - alive],
				];
			}),
		},
		ofRegion("dhmem_region_waiting", "Participants that wait for others.", ({ participants }) => {
			return participants.filter(({ waits }) => waits.length > 0).length;
		}),
		ofQueue("gauge", "dhmem_queue_depth", "Messages or records in the queue.", ({ depth }) => depth),
		{ ...ofQueue("gauge", "dhmem_queue_fill_ratio", "How full the queue is.", fillOf), unit: "ratio" },
		ofQueue("counter", "dhmem_queue_sent", "Messages or records sent.", ({ sent }) => sent),
		ofQueue("counter", "dhmem_queue_received", "Those received.", ({ received }) => received),
		ofQueue("counter", "dhmem_queue_dropped", "Those dropped for newer ones.", ({ dropped }) => dropped),
		ofQueue("gauge", "dhmem_queue_producers", "1 if a participant holds the sending endpoint.", (queue) =>
			queue.producer === null ? 0 : 1,
		),
		ofQueue("gauge", "dhmem_queue_consumers", "1 if a participant holds the receiving endpoint.", (queue) =>
			queue.consumer === null ? 0 : 1,
		),
	];
	const text = families.map((family) => inText(family, format)).join("");
	return format === "openmetrics" ? `${text}# EOF\n` : text;
}

function gauge(name: string, help: string, value: number): Family {
	return { name, type: "gauge", help, samples: [[{}, value]] };
}

/** The first queues, each name once: a second series with the same labels would spoil the whole text. */
function queuesOf({ queues }: ReadRegion): WatchedQueue[] {
	const byName = new Map(queues.map((queue) => [queue.name, queue]));
	return [...byName.values()].slice(0, MOST_QUEUES);
}

/** From 0 to 1. A region that was overwritten may contain anything. */
function fillOf({ policy, depth, bytes, capacity }: WatchedQueue): number {
	if (capacity === 0) return 0;
	return Math.min((policy === "block" ? bytes : depth) / capacity, 1);
}

function inText({ name, type, help, unit, samples }: Family, format: MetricsFormat): string {
	const sample = type === "counter" ? `${name}_total` : name;
	// The older format has no units, and calls a counter by the name of its samples.
	const family = format === "openmetrics" ? name : sample;
	const lines = [`# TYPE ${family} ${type}`];
	if (format === "openmetrics" && unit !== undefined) lines.push(`# UNIT ${family} ${unit}`);
	lines.push(`# HELP ${family} ${help}`);
	for (const [labels, value] of samples) lines.push(`${sample}${labelled(labels)} ${value}`);
	return `${lines.join("\n")}\n`;
}

function labelled(labels: Labels): string {
	const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`);
	return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Different names stay different, so control characters stay what they are. */
function escapeLabel(value: string): string {
	return value.replace(/[\\"\n]/g, (each) => (each === "\n" ? "\\n" : `\\${each}`));
}
