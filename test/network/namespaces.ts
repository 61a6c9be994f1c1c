/**
 * Runs on two machines that only a network joins: this network namespace, and another one, with a cable (veth) between
 * them. As root, in a namespace of its own: `unshare --net node dist/test/network/namespaces.js`.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Place } from "../fixture/index.js";
import { examples } from "./examples.js";
import { Server } from "./server.js";

const HERE = "10.77.0.1";
const THERE = "10.77.0.2";

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
const server = await Server.start({ host: HERE });
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

for (const { name, parts, prepare } of examples) {
	test(`${name} gives the results of one machine, bit for bit`, async () => {
		const place = new Place();
		try {
			const alone = prepare(place, "alone");
			const { code, stderr } = await place.run(["run", alone.file], alone.environment);
			assert.is(code, 0, stderr);
			const apart = prepare(place, "apart");
			const words = (only: string) => ["run", "--server", server.address, "--run", "apart", "--only", only];
			const variables = Object.entries(apart.environment).map((each) => each.join("="));
			const line = [machine.prefix, "env", ...variables, "dhmem", ...words(parts[0]), apart.file].join(" ");
			for (const ended of await Promise.all([
				place.shell(`exec ${line}`),
				place.run([...words(parts[1]), apart.file], apart.environment),
			]))
				assert.is(ended.code, 0, ended.stderr);
			assert.ok(alone.results().length > 0);
			assert.equal(apart.results(), alone.results());
			assert.equal(place.left(), []);
			assert.equal(await server.streams(), []);
		} finally {
			place.remove();
		}
	});
}

test.run();
