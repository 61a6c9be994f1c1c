/**
 * Prints the mean of the doubles in a saved block, which it reads in place, and frees it:
 * `node mean.js REGION TOKEN`.
 */
import { Region } from "dhmem";

const [name = "", token = ""] = process.argv.slice(2);
using region = Region.open(name, { mode: "open" });
const block = region.load(token);
if (block.kind !== "block")
	throw new Error(`The token refers to a value of kind ${block.kind}, not to a block`);
const doubles = block.as("f64");
console.log(doubles.reduce((sum, value) => sum + value, 0) / doubles.length);
block.free();
