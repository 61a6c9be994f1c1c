/** `dhmem run` with links over NATS: in processes, which are killed and started again. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Place, program } from "../fixture/index.js";
import { allWays, checkWay, examples, ways } from "./examples.js";
import { Server } from "./server.js";

const FAILS = `${process.execPath} ${fileURLToPath(new URL("fails-after-end.js", import.meta.url))}`;

const test = suite("runs over NATS");
const server = await Server.start();
test.after(() => server[Symbol.asyncDispose]());

function placed(title: string, body: (place: Place, overNats: NodeJS.ProcessEnv) => Promise<void>): void {
	test(title, async () => {
		const place = new Place();
		try {
			await body(place, { DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address });
			assert.equal(place.left(), []);
			assert.equal(await server.streams(), []);
		} finally {
			place.remove();
		}
	});
}

for (const { name, prepare } of examples) {
	placed(
		`${name} gives the same results, bit for bit, over shared memory, NATS, both, and what auto chooses`,
		async (place) => {
			const results: Buffer[] = [];
			for (const way of allWays) {
				const example = prepare(place, way, way);
				await checkWay(place, example, way);
				const { code, stderr } = await place.run(["run", example.file], {
					...example.environment,
					...ways[way].variables,
					DHMEM_NATS: server.address,
				});
				assert.is(code, 0, stderr);
				results.push(example.results());
			}
			const [first = Buffer.alloc(0), ...others] = results;
			assert.ok(first.length > 0);
			for (const other of others) assert.equal(other, first);
		},
	);
}

placed("tasks that are killed again and again lose nothing and reorder nothing", async (place, overNats) => {
	const again = { command: program("lives"), restart: "on-failure", restarts: 20 };
	const file = place.write("lives.json", {
		name: "lives",
		region: { size: "16MiB" },
		tasks: {
			source: { ...again, environment: { LIFE: 90 } },
			relay: { ...again, environment: { LIFE: 70 } },
			sink: { ...again, environment: { LIFE: 110 } },
		},
		links: [
			{ from: "source.numbers", to: "relay.numbers" },
			{ from: "relay.onward", to: "sink.onward" },
		],
	});
	const { code, stdout, stderr } = await place.run(["run", file], { ...overNats, NUMBERS: "300" });
	assert.is(code, 0, stderr);
	assert.match(stdout, "all 300 came, few of them twice");
});

for (const FAIL of ["SIGKILL", "throw"]) {
	placed(`a task that has read an end and fails (${FAIL}) sees it again`, async (place, overNats) => {
		const command = program("streams");
		const file = place.write("x.json", {
			name: "x",
			region: { size: "16MiB" },
			tasks: {
				source: { command, environment: { OUTPUTS: "first second" } },
				sink: { command, restart: "on-failure", environment: { FAIL, MARK: join(place.folder, "mark") } },
			},
			links: [
				{ from: "source.first", to: "sink.first" },
				{ from: "source.second", to: "sink.second" },
			],
		});
		const { code, stdout, stderr } = await place.run(["run", file], overNats);
		assert.is(code, 0, stderr);
		assert.match(stderr, "restarting it (1 of 10)");
		assert.is(stdout, "sink   | second 1\nsink   | second 2\nsink   | second 3\nsink   | all read\n");
	});
}

placed("a task that has ended an output and fails does not begin it again", async (place, overNats) => {
	const file = place.write("x.json", {
		name: "x",
		region: { size: "16MiB" },
		tasks: {
			source: { command: FAILS, restart: "on-failure", environment: { MARK: join(place.folder, "mark") } },
			again: { command: program("streams") },
			sink: { command: program("streams"), environment: { MARK: join(place.folder, "mark") } },
		},
		links: [
			{ from: "source.first", to: "again.in" },
			{ from: "source.second", to: "sink.first" },
			{ from: "source.second", to: "sink.second" },
		],
	});
	const { code, stdout, stderr } = await place.run(["run", file], overNats);
	assert.is(code, 0, stderr);
	assert.match(stderr, "source.first>again.in had already ended before this task was restarted");
	const lines = stdout.split("\n").filter((line) => line.startsWith("again"));
	assert.equal(lines, ["again  | one", "again  | two", "again  | ended"]);
});

placed(
	"tasks that finish well and are always started again go from stream to stream",
	async (place, overNats) => {
		const always = { command: program("streams"), restart: "always", restarts: 2 };
		const file = place.write("x.json", {
			name: "x",
			region: { size: "16MiB" },
			tasks: { source: always, again: always },
			links: [{ from: "source.out", to: "again.in" }],
		});
		const { code, stdout, stderr } = await place.run(["run", file], overNats);
		assert.is(code, 0, stderr);
		assert.is(stdout, "again  | out 1\nagain  | out 2\nagain  | out 3\nagain  | ended\n".repeat(3));
	},
);

test.run();
