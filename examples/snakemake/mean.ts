/** Prints the mean of the doubles that a token stands for, read in place, and frees them: `node mean.js REGION TOKEN`. */
import { Region } from "dhmem";

const [name = "", token = ""] = process.argv.slice(2);
using region = Region.open(name, { mode: "open" });
const block = region.load(token);
if (block.kind !== "block") throw new Error(`The token stands for ${block.kind}, not a block`);
const doubles = block.as("f64");
console.log(doubles.reduce((sum, value) => sum + value, 0) / doubles.length);
block.free();
