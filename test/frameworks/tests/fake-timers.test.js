import { Region } from "dhmem";

const { useFakeTimers, useRealTimers } = globalThis.vi ?? import.meta.jest;

afterEach(() => useRealTimers());

test("waits go by the real clock, whatever clock the test has", async () => {
	const region = Region.temporary({ size: "16MiB" });
	const consumer = region.queue("queue").consumer();
	useFakeTimers();
	await expect(consumer.receive({ timeout: 5 })).rejects.toMatchObject({ code: "DHMEM_TIMEOUT" });
	region.close();
});
