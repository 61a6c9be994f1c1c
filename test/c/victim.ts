/** A process that holds things until it is killed. */
import { Region } from "dhmem";
import { serve } from "../fixture/index.js";

serve(import.meta.url, {
	async holder({ say, hear }, name) {
		const region = Region.open(name as string, { mode: "open" });
		region.mutex("turn").lockSync();
		const block = region.allocate(5000);
		block.bytes.fill(6);
		region.queue("steps").producer().sendSync("last words", { block });
		say("ready");
		await hear();
	},

	async sender({ say, hear }, name) {
		const region = Region.open(name as string, { mode: "open" });
		region.queue("view", { policy: "latest" }).producer().sendSync("last view");
		region
			.queue("numbers", { record: "f64" })
			.producer()
			.pushMany(Float64Array.of(5, 6, 7));
		say("ready");
		await hear();
	},
});
