/**
 * By hand, on a machine with enough memory: `node dist/test/memory/bulk-main.js [GiB live at once] [processes] [kills]`.
 */
import { Region } from "dhmem";
import { playRounds } from "./bulk-rounds.js";

const [gibibytes = 14, processes = 4, kills = 20] = process.argv.slice(2).map(Number);
const begin = performance.now();
using region = Region.temporary({ size: "64GiB" });
const opened = performance.now() - begin;
const { committed } = region.stats();
console.log(`opened in ${opened.toFixed(1)} ms, ${committed} bytes committed`);
const largest = Math.floor(Math.min(3.9, gibibytes / 2) * 2 ** 30);
const { passed } = await playRounds(region, { bytes: gibibytes * 2 ** 30, largest, processes, kills });
const seconds = (performance.now() - begin) / 1000;
console.log(
	`${passed} blocks came back in ${seconds.toFixed(0)} s; ${region.stats().committed} bytes are left committed`,
);
