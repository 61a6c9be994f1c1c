// A listener for SIGBUS that came and went. What a fault in a truncated region must not become is a busy loop.
import assert from "node:assert/strict";
import { truncateSync, unlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Region } from "dhmem";

const region = Region.open("sigbus", { size: "1MiB", mode: "create" });
const { bytes } = region.allocate(100_000);
const listener = () => {};
process.on("SIGBUS", listener);
await sleep(10);
process.off("SIGBUS", listener);
await sleep(10);
truncateSync(region.path, 0);
assert.equal(bytes[50_000], 0);
assert.throws(() => region.allocate(1), { code: "DHMEM_TRUNCATED" });
unlinkSync(region.path);
