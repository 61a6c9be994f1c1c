// Sending 64 bytes and receiving them, in Rust beside Node: by turns in one run, each with a producer and a consumer in one
// thread, the fastest of many batches. Prints nanoseconds, and Rust's as a ratio to Node's.
//
//	cargo build --release --manifest-path bindings/rust/Cargo.toml && node bindings/rust/bench.mjs [TURNS]
//
// Needs a built clone, and translate-core.mjs to have run.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Region } from "../../dist/src/index.js";

const TURNS = Number(process.argv[2] ?? 20);
const BATCHES = 200;
const BATCH = 1000;
const peer = spawn(join(import.meta.dirname, "target/release/dhmem-peer"), {
	stdio: ["pipe", "pipe", "inherit"],
});
const lines = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();

async function ask(command) {
	peer.stdin.write(`${command}\n`);
	const { value = "no answer" } = await lines.next();
	return value;
}

const region = Region.temporary({ size: "64MiB" });
const producer = region.queue("node").producer();
const consumer = region.queue("node").consumer();
const data = new Uint8Array(64).fill(7);

function sendBatch() {
	for (let i = 0; i < BATCH; i++) producer.trySend(data);
}

function receiveBatch() {
	let sum = 0;
	for (let i = 0; i < BATCH; i++) {
		const message = consumer.tryReceive();
		sum += message.bytes[63];
		message.release();
	}
	return sum;
}

function pollBatch() {
	let sum = 0;
	consumer.poll(
		(view, at) => {
			sum += view.getUint8(at + 63);
		},
		{ max: BATCH },
	);
	return sum;
}

function pace() {
	const fastest = [Infinity, Infinity, Infinity];
	for (let batch = 0; batch < BATCHES; batch++) {
		const way = 1 + (batch % 2);
		const began = process.hrtime.bigint();
		sendBatch();
		const sent = process.hrtime.bigint();
		const sum = way === 1 ? receiveBatch() : pollBatch();
		const received = process.hrtime.bigint();
		if (sum !== 7 * BATCH) throw new Error(`received ${sum}`);
		fastest[0] = Math.min(fastest[0], Number(sent - began) / BATCH);
		fastest[way] = Math.min(fastest[way], Number(received - sent) / BATCH);
	}
	return fastest;
}

const least = (one, other) => one.map((time, index) => Math.min(time, other[index]));
let rust = [Infinity, Infinity, Infinity];
let node = rust;
const opened = await ask(`open ${region.path} rust`);
if (opened !== "open") throw new Error(opened);
for (let turn = 0; turn < TURNS; turn++) {
	rust = least(rust, (await ask(`pace rust-${turn} ${BATCHES}`)).split(" ").map(Number));
	region.remove(`rust-${turn}`);
	node = least(node, pace());
}
const gone = once(peer, "exit");
peer.kill();
// Only who leaves last removes the region.
await gone;
region.close();
for (const [index, what] of ["send", "receive and release", "receive by poll"].entries())
	console.log(
		`${what}: Rust ${rust[index].toFixed(0)} ns, Node ${node[index].toFixed(0)} ns: ${(rust[index] / node[index]).toFixed(2)} ×`,
	);
const [rustBoth, nodeBoth] = [rust[0] + rust[1], node[0] + node[1]];
console.log(`send and receive: ${(rustBoth / nodeBoth).toFixed(2)} ×`);
