/** A participant that allocates BLOCKS blocks, and is then killed: `node holder.js PLACE BLOCKS BYTES`. */
import { Region } from "../../src/index.js";

const [place = "", blocks = "0", bytes = "64"] = process.argv.slice(2);
const region = Region.open("bench", { directory: place, mode: "open" });
const held = Array.from({ length: Number(blocks) }, () => region.allocate(Number(bytes)));
process.once("disconnect", () => process.exit(1));
process.send?.(held.length);
