/**
 * Runs on two machines that only a network joins: this network namespace, and another one, with a cable (veth) between
 * them. As root, in a namespace of its own: `unshare --net node dist/test/network/namespaces.js`.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readWorkflow } from "../../src/runner/workflow-file.js";
import { type Ended, Place } from "../fixture/index.js";
import { type Example, examples, type SplitExample, type Way, ways } from "./examples.js";
import { Server } from "./server.js";

const HERE = "10.77.0.1";
const THERE = "10.77.0.2";
/** The port at which the server says what it has done. */
const MONITOR = 8222;

/** Another namespace. It is gone when its only process is. */
class Machine {
	readonly #process = spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });

	/** Joins it to this one. */
	async connect(): Promise<void> {
		const namespaceOf = (pid: number | undefined) => readlinkSync(`/proc/${pid}/ns/net`);
		while (namespaceOf(this.#process.pid) === namespaceOf(process.pid)) await sleep(10);
		const ip = (line: string) => execFileSync("ip", line.split(" "));
		const there = (line: string) => execFileSync("nsenter", `${this.#enter} ip ${line}`.split(" "));
		ip("link set lo up");
		ip(`link add here type veth peer name there netns ${this.#process.pid}`);
		ip(`address add ${HERE}/24 dev here`);
		ip("link set here up");
		there("link set lo up");
		there(`address add ${THERE}/24 dev there`);
		there("link set there up");
	}

	get #enter(): string {
		return `--target ${this.#process.pid} --net`;
	}

	/** The words in front of a command that is to run there. */
	get prefix(): string {
		return `nsenter ${this.#enter}`;
	}

	async remove(): Promise<void> {
		this.#process.kill();
		await once(this.#process, "exit");
	}
}

const test = suite("two machines and a cable");
const machine = new Machine();
await machine.connect();
const server = await Server.start({ host: HERE, configuration: `http: "${HERE}:${MONITOR}"` });
test.after(async () => {
	await server[Symbol.asyncDispose]();
	await machine.remove();
});

test("the other machine does not see what listens here only", async () => {
	const local = await Server.start();
	const place = new Place();
	try {
		const file = place.write("x.json", {
			name: "x",
			tasks: { a: { command: "true" }, b: { command: "true" } },
		});
		const words = `--server ${local.address} --run x --only a ${file}`;
		const { code, stderr } = await place.shell(`exec ${machine.prefix} dhmem run ${words}`);
		assert.is(code, 1);
		assert.match(stderr, `No NATS server answers at ${local.address}`);
	} finally {
		await local[Symbol.asyncDispose]();
		place.remove();
	}
});

/** Starts one `dhmem run` on each machine. */
function inParts(
	place: Place,
	{ file, environment }: Example,
	[there, here]: SplitExample["parts"],
	variables: NodeJS.ProcessEnv,
): Promise<Ended>[] {
	const words = (only: string) => ["run", "--server", server.address, "--run", "apart", "--only", only, file];
	const settings = { ...environment, ...variables };
	return [
		place.shell(`exec ${machine.prefix} env ${listOf(settings)} dhmem ${words(there).join(" ")}`),
		place.run(words(here), settings),
	];
}

/** Starts each task by hand. Those of the first part, on the other machine, see the same memory here. */
function byHand(
	place: Place,
	{ file, environment }: Example,
	[there]: SplitExample["parts"],
	variables: NodeJS.ProcessEnv,
): Promise<Ended>[] {
	const settings = listOf({ ...environment, ...variables, DHMEM_NATS: server.address });
	return readWorkflow(file).tasks.map(({ name, command = [], directory = "." }) => {
		const prefix = there.split(",").includes(name) ? machine.prefix : "";
		return place.shell(
			`export ${settings} && eval "$(dhmem run --print-env ${name} ${file})" && cd ${dirname(file)} && cd ${directory} && ` +
				`exec ${prefix} ${command.join(" ")}`,
		);
	});
}

function listOf(variables: NodeJS.ProcessEnv): string {
	return Object.entries(variables)
		.map((each) => each.join("="))
		.join(" ");
}

for (const { name, parts, prepare } of examples) {
	test(`${name} gives the results of one machine, bit for bit, over NATS, and over what memory and a network allow`, async () => {
		const place = new Place();
		try {
			const alone = prepare(place, "alone");
			const { code, stderr } = await place.run(["run", alone.file], alone.environment);
			assert.is(code, 0, stderr);
			assert.ok(alone.results().length > 0);
			const check = async (run: string, way: Way, start: typeof byHand) => {
				const apart = prepare(place, run, way);
				for (const ended of await Promise.all(start(place, apart, parts, ways[way].variables)))
					assert.is(ended.code, 0, `${run}: ${ended.stderr}`);
				assert.equal(apart.results(), alone.results(), run);
			};
			for (const way of ["nats", "mixed", "auto"] as const) {
				await check(way, way, inParts);
				assert.equal(place.left(), []);
				assert.equal(await server.streams(), []);
			}
			for (const way of ["shm", "nats", "mixed"] as const) {
				await check(`by-hand-${way}`, way, byHand);
				await place.run(["rm", readWorkflow(alone.file).name]);
				await place.run(["clean", "--server", server.address]);
				assert.equal(place.left(), []);
				assert.equal(await server.streams(), []);
			}
		} finally {
			place.remove();
		}
	});
}

/** The bytes that the server has sent so far. */
async function sentByServer(): Promise<number> {
	const response = await fetch(`http://${HERE}:${MONITOR}/varz`);
	return ((await response.json()) as { out_bytes: number }).out_bytes;
}

for (const [what, environment] of [
	["over the cable, and not through the server", {}],
	["through the server with DHMEM_PULL=off at the receiver", { DHMEM_PULL: "off" }],
] as const) {
	test(`large blocks of a task that is killed come ${what}`, async () => {
		const place = new Place();
		try {
			const file = place.write("x.json", {
				name: "x",
				region: { size: "256MiB" },
				tasks: {
					source: { command: blocks("block-source", "is killed"), restart: "on-failure", restarts: 1 },
					sink: { command: blocks("block-sink", "waits"), environment },
				},
				links: [{ from: "source.out", to: "sink.in" }],
			});
			const words = (only: string) => `run --server ${server.address} --run x --only ${only} ${file}`;
			const before = await sentByServer();
			const [source, sink] = await Promise.all([
				place.shell(`LENGTH=20000000 exec ${machine.prefix} dhmem ${words("source")}`),
				place.run(words("sink").split(" ")),
			]);
			assert.is(source.code, 0, source.stderr);
			assert.is(sink.code, 0, sink.stderr);
			assert.equal(sink.stdout.match(/\d right/g), [
				"0 right",
				"1 right",
				"2 right",
				"3 right",
				"4 right",
				"5 right",
			]);
			const sent = (await sentByServer()) - before;
			assert.ok("DHMEM_PULL" in environment ? sent > 120_000_000 : sent < 20_000_000, `${sent} bytes`);
			assert.equal(place.left(), []);
			assert.equal(await server.streams(), []);
		} finally {
			place.remove();
		}
	});
}

function blocks(name: string, what: string): string[] {
	return [process.execPath, fileURLToPath(new URL(`${name}.js`, import.meta.url)), what];
}

test.run();
