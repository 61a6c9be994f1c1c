// Leaves openings for the collector, and waits that never settle: the end of the context or thread must not crash.
import { Region } from "dhmem";

test("openings may be left", () => {
	for (let i = 0; i < 20; i++) Region.temporary({ size: "1MiB" }).allocate(100).bytes.fill(1);
	const region = Region.temporary({ size: "16MiB" });
	globalThis.kept = region.queue("queue").consumer();
	expect(region.stats().participants.length).toBe(1);
});
