/** A participant that holds so many blocks, and is killed: `node holder.js REGION BLOCKS BYTES`. */
import { Region } from "../src/index.js";

const [name = "", blocks = "0", bytes = "64"] = process.argv.slice(2);
const region = Region.open(name, { mode: "open" });
const held = Array.from({ length: Number(blocks) }, () => region.allocate(Number(bytes)));
process.send?.(held.length);
process.on("message", () => {});
