// In Bun, a region can't be opened to be read only; see src/engines.ts.
import assert from "node:assert/strict";
import { Region } from "dhmem";

const region = Region.open("bun", { size: "16MiB", mode: "create" });
for (const mode of ["read-only", "copy-on-write"]) {
	assert.throws(() => Region.open("bun", { mode }), { code: "DHMEM_UNSUPPORTED", message: /Bun can't open/ });
}
region.unlink();
region.close();
