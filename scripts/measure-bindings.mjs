// Compares the libraries for Node, C and Python: a message of 64 bytes is sent and received through a ring of 1 MiB, by one
// thread, which first sends and then receives. The three take turns for many rounds, and the fastest round of each counts,
// so what else runs on the machine hits all of them. `node scripts/measure-bindings.mjs [ROUNDS]`; 300 by default.
//
// Needs a built clone, a C compiler, make, and Python with venv and headers. Run it on an idle machine.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { root } from "./shim-sources.mjs";

const COUNT = 8000;
const BYTES = 64;
/** What C and Python should take at most, as parts of Node's time for both together. */
const AIMS = { C: 0.6, Python: 3 };

/** One of the three: for each line that it reads, it answers with the nanoseconds of sending and of receiving. */
async function measureNode(path) {
	const { Region } = await import(join(root, "dist/src/index.js"));
	const region = Region.open(basename(path, ".dhmem"), { directory: dirname(path), size: "16MiB" });
	const producer = region.queue("steps").producer();
	const consumer = region.queue("steps").consumer();
	const data = new Uint8Array(BYTES);
	for await (const _ of createInterface({ input: process.stdin })) {
		const start = process.hrtime.bigint();
		for (let i = 0; i < COUNT; i++) if (!producer.trySend(data)) throw new Error("no room");
		const middle = process.hrtime.bigint();
		for (let i = 0; i < COUNT; i++) consumer.tryReceive().release();
		console.log(`${middle - start} ${process.hrtime.bigint() - middle}`);
	}
	region.close();
}

function run(command, ...args) {
	return execFileSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

/** Compiles both libraries from their packages, as users do, and returns the three commands. */
function prepare(folder) {
	run("node", "scripts/pack-c.mjs", folder);
	run("sh", "-c", `tar xzf ${folder}/dhmem-c-*.tar.gz -C ${folder} --strip-components=1 --one-top-level=c`);
	run("make", "-s", "-C", join(folder, "c"), "install", `PREFIX=${folder}/installed`, "CFLAGS=-O2");
	const measure = join(folder, "measure");
	run(
		"cc",
		"-O2",
		"bindings/c/bench/measure.c",
		`-I${folder}/installed/include`,
		`-L${folder}/installed/lib`,
		`-Wl,-rpath,${folder}/installed/lib`,
		"-ldhmem",
		"-o",
		measure,
	);
	run("node", "scripts/pack-python.mjs", join(folder, "python"));
	run("python3", "-m", "venv", join(folder, "venv"));
	const python = join(folder, "venv/bin/python");
	run("sh", "-c", `${python} -m pip install --quiet ${folder}/python/dhmem-*.tar.gz`);
	return {
		Node: [process.execPath, import.meta.filename, "--node"],
		C: [measure],
		Python: [python, join(root, "bindings/python/bench/measure.py")],
	};
}

class Contender {
	best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
	#process;
	#lines;

	constructor([command, ...args], path) {
		this.#process = spawn(command, [...args, path, COUNT, BYTES], { stdio: ["pipe", "pipe", "inherit"] });
		this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
	}

	async turn() {
		this.#process.stdin.write("go\n");
		const { value, done } = await this.#lines.next();
		if (done) throw new Error("A contender has ended; its message is above");
		const times = value.split(" ").map((time) => Number(time) / COUNT);
		this.best = this.best.map((best, index) => Math.min(best, times[index]));
	}

	end() {
		this.#process.stdin.end();
	}
}

async function compare(rounds) {
	const folder = mkdtempSync(join(tmpdir(), "dhmem-measure-"));
	const regions = mkdtempSync("/dev/shm/dhmem-measure-");
	const contenders = {};
	try {
		mkdirSync(join(folder, "python"));
		for (const [name, command] of Object.entries(prepare(folder)))
			contenders[name] = new Contender(command, join(regions, `${name}.dhmem`));
		for (let round = 0; round < rounds; round++)
			for (const contender of Object.values(contenders)) await contender.turn();
	} finally {
		for (const contender of Object.values(contenders)) contender.end();
		rmSync(folder, { recursive: true });
		rmSync(regions, { recursive: true });
	}
	print(contenders, rounds);
}

function print(contenders, rounds) {
	const { best: node } = contenders.Node;
	console.log(
		`${cpus()[0].model}, Node ${process.version}; the fastest of ${rounds} rounds, ns for each message\n`,
	);
	for (const [name, { best }] of Object.entries(contenders)) {
		const [send, receive] = best;
		const ratio = (send + receive) / (node[0] + node[1]);
		const aim =
			AIMS[name] === undefined ? "" : `, aim ${AIMS[name]}: ${ratio <= AIMS[name] ? "met" : "missed"}`;
		const ratios = best.map((time, index) => (time / node[index]).toFixed(2)).join(" and ");
		console.log(
			`${name.padEnd(6)}  send ${send.toFixed(1)}, receive and release ${receive.toFixed(1)}: ` +
				`${ratios} of Node's time, together ${ratio.toFixed(2)}${aim}`,
		);
	}
}

if (process.argv[2] === "--node") await measureNode(process.argv[3]);
else await compare(Number(process.argv[2] ?? 300));
