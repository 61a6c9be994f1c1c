/** Mailboxes between processes that are stopped and killed. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child, count, PATIENCE, regionTest, within } from "../fixture/index.js";
import { KEEP_FEW, NUMBERS } from "./mailbox-child.js";
import { numbered, patience, statsOf, textsOf } from "./mailbox-stage.js";

const module = new URL("./mailbox-child.js", import.meta.url).href;

test.after.each(() => Child.killAll());

for (const consumers of ["promptly", "late"]) {
	regionTest(
		`what comes from another process ${consumers} is whole and in order, up to the last`,
		async (region) => {
			const queue = region.queue("q", KEEP_FEW);
			const before = region.stats().used;
			const count = 20_000;
			const receiver = new Child(module, "receive", [region.name]);
			assert.is(await receiver.hear(), "ready");
			if (consumers === "late") receiver.signal("SIGSTOP");
			const sender = new Child(module, "send", [region.name, count, "ends"]);
			assert.is(await within(PATIENCE, "sending", sender.hear()), "sent");
			receiver.signal("SIGCONT");
			const got = (await within(PATIENCE, "receiving", receiver.hear())) as Record<string, unknown>;
			assert.equal({ last: got.last, wrong: got.wrong }, { last: count, wrong: "" });
			await receiver.ended;
			await sender.ended;
			const { depth, sent, received = 0, dropped = 0 } = statsOf(region);
			assert.equal([depth, sent, received, received + dropped], [0, count, got.count, count]);
			assert.is(region.stats().used, before);
			assert.is(queue.capacity, NUMBERS / 25);
		},
	);
}

regionTest(
	"consumers that are stopped or killed at any moment block nobody, and lose only messages they had received",
	async (region) => {
		const queue = region.queue("q", KEEP_FEW);
		const before = region.stats().used;
		const producer = queue.producer({ timeout: 0 });
		for (let turn = 0; turn < count(3, 8); turn++) {
			const child = new Child(module, "consume", [region.name]);
			const consuming = child.hear();
			let isConsuming = false;
			void consuming.then(() => {
				isConsuming = true;
			});
			const began = performance.now();
			for (let sent = 0; !isConsuming || sent < 2000; sent++) {
				if (performance.now() - began > PATIENCE) throw new Error("nobody receives");
				producer.sendSync("x", sent % 3 === 0 ? { block: region.allocate(100) } : {});
				if (sent % 20 === 0) await new Promise(setImmediate);
			}
			if (turn % 2 === 0) child.signal("SIGSTOP");
			for (const text of numbered(1, 100)) producer.sendSync(text);
			await child.kill();
			for (const text of numbered(101, 200)) producer.sendSync(text);
			using consumer = queue.consumer();
			assert.equal(textsOf(consumer), numbered(197, 200));
		}
		assert.is(region.stats().used, before);
	},
);

regionTest(
	"a killed producer leaves whole messages, and then its consumer gets DHMEM_PEER_GONE",
	async (region) => {
		const queue = region.queue("q", KEEP_FEW);
		const before = region.stats().used;
		const consumer = queue.consumer(patience);
		for (let turn = 0; turn < count(2, 4); turn++) {
			const child = new Child(module, "send", [region.name, turn % 2 === 0 ? 50 : 1_000_000_000, "stays"]);
			await queue.waitForPeer(patience);
			let last = 0;
			for (let count = 0; count < 20 || turn % 2 === 0; count++) {
				const message = await consumer.receive();
				const numbers = message?.as("u32");
				assert.ok(numbers?.every((each) => each === numbers[0]));
				last = numbers?.[0] as number;
				message?.release();
				if (last === 50) break;
			}
			await child.kill();
			const code = await (async () => {
				for (;;) {
					try {
						(await consumer.receive())?.release();
					} catch (error) {
						return (error as { code: string }).code;
					}
				}
			})();
			assert.is(code, "DHMEM_PEER_GONE");
		}
		consumer.close();
		region.recover();
		assert.is(region.stats().used, before);
	},
);

test.run();
