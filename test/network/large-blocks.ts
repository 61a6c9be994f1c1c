/** `dhmem run` with large blocks: the runner of a machine keeps those of its tasks, whatever becomes of them. */
import { fileURLToPath } from "node:url";
import { Region } from "dhmem";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseLinks } from "../../src/workflow/links.js";
import { clearServer, prepareServer } from "../../src/workflow/nats/manage.js";
import { Keeper } from "../../src/workflow/nats/pull/keeper.js";
import { readServer } from "../../src/workflow/nats/settings.js";
import { type Ended, Place, program } from "../fixture/index.js";
import { Server } from "./server.js";

const test = suite("large blocks of runs");
const server = await Server.start();
test.after(() => server[Symbol.asyncDispose]());

function command(name: string, what: string): string[] {
	return [process.execPath, fileURLToPath(new URL(`${name}.js`, import.meta.url)), what];
}

interface Row {
	readonly source?: string;
	readonly sink?: string;
	/** What the sink says, as numbers. */
	readonly received: readonly number[];
	readonly environment?: NodeJS.ProcessEnv;
	readonly sinkEnvironment?: NodeJS.ProcessEnv;
	readonly size?: string;
}

const rows: Readonly<Record<string, Row>> = {
	"of a task that exits after it has sent them arrive": {
		source: "exits",
		received: [0, 1, 2],
		environment: { LAST: "2" },
	},
	"of a task that is killed after it has sent them arrive, and so do those of its successor": {
		source: "is killed",
		received: [0, 1, 2, 3, 4, 5],
	},
	"of a task that computes arrive meanwhile": {
		source: "computes",
		received: [0, 1, 2],
		environment: { LAST: "2" },
	},
	"arrive again if their receiver is killed": { sink: "is killed", received: [0, 1, 1, 2] },
	"that are not pulled arrive through the server": {
		source: "is killed",
		received: [0, 1, 2, 3, 4, 5],
		sinkEnvironment: { DHMEM_PULL: "off" },
	},
	"are not by reference with DHMEM_PULL=off": { received: [0, 1, 2], environment: { DHMEM_PULL: "off" } },
	"of 1 GB arrive": {
		source: "exits",
		received: [0],
		environment: { LENGTH: "1000000000", COUNT: "1", LAST: "0" },
		size: "2100MiB",
	},
};

/**
 * Runs the tasks on machines of their own, or all on one.
 *
 * @param parts the tasks of each machine
 * @returns how the runner of the first machine has ended
 */
async function run(
	place: Place,
	file: string,
	environment: NodeJS.ProcessEnv,
	parts: readonly string[],
): Promise<Ended> {
	if (parts.length === 0)
		return place.run(["run", file], {
			...environment,
			DHMEM_TRANSPORT: "nats",
			DHMEM_NATS: server.address,
		});
	const words = (tasks: string) => ["run", "--server", server.address, "--run", "x", "--only", tasks, file];
	const ended = await Promise.all(parts.map((tasks) => place.run(words(tasks), environment)));
	for (const { code, stderr } of ended) assert.is(code, 0, stderr);
	return ended[0] as Ended;
}

for (const [what, row] of Object.entries(rows))
	for (const isApart of [true, false])
		test(`large blocks ${what}, on ${isApart ? "two machines" : "one machine"}`, async () => {
			const { source = "ends", sink = "waits", received, environment = {}, sinkEnvironment = {}, size } = row;
			const place = new Place();
			try {
				const again = { restart: "on-failure", restarts: 1 };
				const file = place.write("x.json", {
					name: "x",
					region: { size: size ?? "64MiB" },
					tasks: {
						source: { command: command("block-source", source), ...again },
						sink: { command: command("block-sink", sink), environment: sinkEnvironment, ...again },
					},
					links: [{ from: "source.out", to: "sink.in" }],
				});
				const { code, stdout, stderr } = await run(
					place,
					file,
					environment,
					isApart ? ["sink", "source"] : [],
				);
				assert.is(code, 0, stderr);
				const lines = stdout.split("\n").flatMap((line) => /^sink +\| (.*)$/.exec(line)?.[1] ?? []);
				assert.equal(
					lines,
					received.map((number) => `${number} right`),
				);
				assert.equal(place.left(), []);
				assert.equal(await server.streams(), []);
			} finally {
				place.remove();
			}
		});

test("a region without room for large blocks has no keeper, which would take room from links", async () => {
	const settings = readServer({ DHMEM_NATS: server.address });
	const session = await prepareServer(settings, "small", []);
	const links = parseLinks("out=a.out>b.in;transport=nats").map(({ link }) => link);
	const open = (region: Region) => {
		const note = (text: string) => assert.unreachable(text);
		return Keeper.open({ region, run: "small", session, links, settings: settings.pull, note });
	};
	try {
		using small = Region.temporary({ size: "256KiB" });
		assert.is(await open(small), undefined);
		assert.is(small.stats().used, 0);
		using larger = Region.temporary({ size: "2MiB" });
		using keeper = await open(larger);
		assert.ok(keeper);
	} finally {
		await session.connection.close();
		await clearServer(settings, "small", []);
	}
});

for (const isApart of [true, false])
	test(`tasks that are killed at any time lose no large block, on ${isApart ? "two machines" : "one machine"}`, async () => {
		const place = new Place();
		try {
			const again = { command: program("lives"), restart: "on-failure", restarts: 20 };
			const file = place.write("lives.json", {
				name: "lives",
				region: { size: "64MiB" },
				tasks: { source: again, relay: again, sink: again },
				links: [
					{ from: "source.numbers", to: "relay.numbers" },
					{ from: "relay.onward", to: "sink.onward" },
				],
			});
			const environment = { NUMBERS: "80", LARGE: `${2 ** 20}`, LIVES: "6" };
			const { code, stdout, stderr } = await run(
				place,
				file,
				environment,
				isApart ? ["source,sink", "relay"] : [],
			);
			assert.is(code, 0, stderr);
			assert.match(stdout, /all 80 came, (few|many) of them twice/);
			assert.equal(place.left(), []);
			assert.equal(await server.streams(), []);
		} finally {
			place.remove();
		}
	});

test.run();
