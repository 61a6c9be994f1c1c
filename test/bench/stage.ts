/** What tests of the benchmarks use. */
import { fileURLToPath } from "node:url";

/** Where all peers have to be there: in `.ci/run`. */
export const ALL = process.env.DHMEM_BENCH_ALL === "1";

export const MAIN = fileURLToPath(new URL("../../bench/main.js", import.meta.url));
