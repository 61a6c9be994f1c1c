/**
 * `npm run bench:network`: carriers of messages between two processes of this machine, by turns. It needs nats-server, or
 * the one that `NATS_SERVER` names, and `npm run bench:peers`.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { markdownTable } from "markdown-table";
import { Server } from "../../test/network/server.js";
import { median } from "../measure.js";
import { describe, machine, putBetweenMarks } from "../report.js";
import { Scratch } from "../scratch.js";
import { carriers } from "./carriers.js";
import { type Amount, type Figures, round } from "./round.js";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const BASELINE = "TCP";

const amounts: readonly (Amount & { readonly title: string; readonly rounds: number })[] = [
	{ title: "64 B", bytes: 64, messages: 80_000, trips: 1000, rounds: 5 },
	{ title: "4 KiB", bytes: 4 * KIB, messages: 40_000, trips: 1000, rounds: 5 },
	{ title: "1 MiB", bytes: MIB, messages: 800, trips: 100, rounds: 5 },
	{ title: "10 MiB", bytes: 10 * MIB, messages: 80, trips: 20, rounds: 5 },
	{ title: "1 GiB", bytes: GIB, messages: 6, trips: 1, rounds: 3 },
];

const { values: options } = parseArgs({
	options: {
		only: { type: "string", multiple: true },
		carrier: { type: "string", multiple: true },
		rounds: { type: "string" },
		markdown: { type: "string" },
	},
});
const where = machine();
using scratch = new Scratch();
await using server = await Server.start();
const tables: string[] = [];
const missing = new Set<string>();
for (const amount of amounts.filter(({ title }) => options.only?.includes(title) ?? true)) {
	const taking = carriers.filter(
		({ least, name }) => least <= amount.bytes && (options.carrier?.includes(name) ?? true),
	);
	const taken = new Map(taking.map(({ name }) => [name, [] as Figures[]]));
	for (let i = 0; i < Number(options.rounds ?? amount.rounds); i++) {
		for (const carrier of taking) {
			const rounds = taken.get(carrier.name);
			if (rounds === undefined) continue;
			try {
				rounds.push(await round(carrier, amount, server, scratch));
			} catch (error) {
				if (carrier.isOurs) throw error;
				taken.delete(carrier.name);
				missing.add(`${carrier.name} took no part: ${(error as Error).message}`);
			}
		}
	}
	const table = tableOf(amount, taken);
	console.error(`${table}\n`);
	tables.push(table);
}
const text = [
	`${describe(where)}; load ${where.load.toFixed(1)} before the run and ${loadavg()[0]?.toFixed(1)} after it; ` +
		`nats-server ${await server.version()}; ${new Date().toISOString().slice(0, 10)}; \`npm run bench:network\`.`,
	...missing,
	...tables,
].join("\n\n");
console.log(text);
if (options.markdown !== undefined) putBetweenMarks(options.markdown, text);

/** Ratios are of figures of the same round; all that is shown is the median. */
function tableOf(
	{ title, bytes }: { title: string; bytes: number },
	taken: ReadonlyMap<string, readonly Figures[]>,
): string {
	const baseline = taken.get(BASELINE);
	const rows = [...taken].map(([name, rounds]) => {
		const trips = rounds.flatMap(({ trips }) => trips).toSorted((a, b) => a - b);
		const quantile = (part: number) => trips[Math.floor((trips.length - 1) * part)] ?? Number.NaN;
		const ratio = (of: (figures: Figures) => number) =>
			baseline === undefined
				? "-"
				: show(median(rounds.map((figures, i) => of(figures) / of(baseline[i] as Figures))));
		const rate = median(rounds.map(({ rate }) => rate));
		const cpu = median(rounds.map(({ cpu }) => cpu));
		return [
			name,
			show(rate),
			show((rate * bytes) / 1e6),
			ratio(({ rate }) => rate),
			show((cpu * 1000) / (bytes / 1e6)),
			ratio(({ cpu }) => cpu),
			show(quantile(0.5)),
			show(quantile(0.99)),
		];
	});
	const head = [title, "messages/s", "MB/s", "× TCP", "CPU, ms/MB", "× TCP", "round trip, ms: 50 %", "99 %"];
	return markdownTable([head, ...rows]);
}

function show(value: number): string {
	return value >= 999.5 ? value.toFixed(0) : value.toPrecision(3);
}
