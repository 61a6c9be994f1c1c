// Bun allows all memories together three times the machine's memory; the error says so, and a small region still opens.
import assert from "node:assert/strict";
import { totalmem } from "node:os";
import { Region } from "dhmem";

const most = Math.ceil((3 * totalmem()) / 4e9) + 10;
assert.throws(
	() => {
		for (let i = 0; i < most; i++) Region.open(`large-${i}`, { size: "4GiB", lifetime: "last-close" });
	},
	{
		code: "DHMEM_UNSUPPORTED",
		message: /Bun allows all open regions together about three times.*smaller size/,
	},
);
Region.open("small", { size: "1MiB", lifetime: "last-close" }).close();
