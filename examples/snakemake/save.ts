/** Writes doubles into a block of a region, and prints the token of its handle: `node save.js REGION`. */
import { Region } from "dhmem";

const DOUBLES = 1_000_000;

const [name = ""] = process.argv.slice(2);
using region = Region.open(name);
const block = region.allocate(8 * DOUBLES);
const doubles = block.as("f64");
for (let i = 0; i < DOUBLES; i++) doubles[i] = i;
console.log(String(region.save(block)));
