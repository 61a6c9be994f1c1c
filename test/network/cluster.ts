/** Links over a cluster of three servers, each of which stores every message, while leaders die or step down. */
import { once } from "node:events";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PATIENCE, Place, program, within } from "../fixture/index.js";
import { Tasks } from "../workflow/tasks.js";
import { Cluster } from "./three-servers.js";

const test = suite("a cluster of three servers");

/** Sends and receives numbers, while `disturb` is called twice. All must arrive, once and in order. */
function disturbed(title: string, disturb: (cluster: Cluster, time: number) => Promise<void>): void {
	test(title, async () => {
		await using cluster = await Cluster.start();
		await cluster.isReady();
		await using tasks = new Tasks(["a.out>b.in"], cluster.variables);
		const output = tasks.get("a").output("out");
		const input = tasks.get("b").input("in");
		const received: (number | undefined)[] = [];
		const receiving = (async () => {
			for await (const message of input) received.push(message.as("u32")[0]);
		})();
		let sent = 0;
		const sendMore = async () => {
			await Promise.all(Array.from({ length: 64 }, () => output.send(Uint32Array.of(sent++))));
		};
		const sending = (async () => {
			for (let time = 0; time < 2; time++) {
				// Some have to arrive before, and are sent meanwhile.
				for (const least = sent + 256; received.length < least; ) await sendMore();
				let isOver = false;
				const disturbing = disturb(cluster, time).finally(() => {
					isOver = true;
				});
				while (!isOver) await sendMore();
				await disturbing;
			}
			await sendMore();
			output.end();
		})();
		await within(PATIENCE, title, Promise.all([sending, receiving]));
		const wrong = received.findIndex((number, index) => number !== index);
		assert.is(wrong, -1, `${received[wrong]} came as number ${wrong}, after ${received[wrong - 1]}`);
		assert.is(received.length, sent);
	});
}

disturbed("nothing is lost or reordered when the server that leads a stream is killed, twice", (cluster) =>
	cluster.killLeader(),
);

disturbed(
	"nothing is lost or reordered when the leader of a stream or of its consumer steps down",
	(cluster, time) => cluster.stepDown(time % 2 === 0 ? "CONSUMER" : "STREAM"),
);

for (const [what, isBucket] of [
	["a link", false],
	["the run's bucket", true],
] as const) {
	test(`a run on two machines goes on when the server that leads ${what} is killed`, async () => {
		await using cluster = await Cluster.start();
		await cluster.isReady();
		const place = new Place();
		try {
			const COUNT = 2000;
			const file = place.write("x.json", {
				name: "x",
				region: { size: "16MiB" },
				tasks: {
					source: { command: program("streams"), environment: { COUNT } },
					again: { command: program("streams") },
				},
				links: [{ from: "source.out", to: "again.in" }],
			});
			const start = (only: string) =>
				place.start(
					["run", "--server", cluster.address, "--run", "x", "--only", only, file],
					cluster.settings,
				);
			const source = start("source");
			const again = start("again");
			await once(again.child.stdout ?? again.child, "data");
			await cluster.killLeader(isBucket);
			const { code, stdout, stderr } = await again.ended;
			assert.is(code, 0, stderr);
			const lines = Array.from({ length: COUNT }, (_, i) => `again | out ${i + 1}\n`);
			assert.is(stdout, `${lines.join("")}again | ended\n`);
			assert.is((await source.ended).code, 0, (await source.ended).stderr);
			for (const { ended } of [source, again]) assert.not.match((await ended).stderr, "may be left there");
			assert.equal(place.left(), []);
			assert.equal(await cluster.streams(), []);
		} finally {
			place.remove();
		}
	});
}

test.run();
