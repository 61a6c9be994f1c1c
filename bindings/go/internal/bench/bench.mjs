// Messages of 64 bytes in Go and in Node, by turns in one run, so that both have the same machine: the least nanoseconds for
// each, and their ratios. From a built clone, on an idle machine:
//
//	node scripts/pack-go.mjs && go build -C dist/go -o ../go-bench ./internal/bench
//	node bindings/go/internal/bench/bench.mjs dist/go-bench
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Region } from "dhmem";

const MESSAGES = 4000;
const ROUNDS = 25;
const TURNS = 15;

const region = Region.temporary();
const queue = region.queue("bench");
const producer = queue.producer();
const consumer = queue.consumer();
const data = new Uint8Array(64);

/** Sends so many messages, and receives them by `receive`. Returns nanoseconds for each. */
function bench(receive) {
	let sending = 0;
	let receiving = 0;
	for (let round = 0; round < ROUNDS; round++) {
		const begun = process.hrtime.bigint();
		for (let i = 0; i < MESSAGES; i++) producer.trySend(data);
		const sent = process.hrtime.bigint();
		receive();
		sending += Number(sent - begun);
		receiving += Number(process.hrtime.bigint() - sent);
	}
	return [sending, receiving].map((sum) => sum / (MESSAGES * ROUNDS));
}

function turn() {
	const [sending, single] = bench(() => {
		for (let i = 0; i < MESSAGES; i++) consumer.tryReceive().release();
	});
	const [, batched] = bench(() => {
		for (let received = 0; received < MESSAGES; ) {
			const batch = consumer.receiveMany(250);
			for (const message of batch) message.release();
			received += batch.length;
		}
	});
	return [sending, single, batched];
}

const go = spawn(process.argv[2], [], { stdio: ["pipe", "pipe", "inherit"] });
const lines = createInterface({ input: go.stdout })[Symbol.asyncIterator]();
const least = { Go: [], Node: [] };
const note = (language, figures) => {
	least[language] = figures.map((figure, i) => Math.min(figure, least[language][i] ?? figure));
};
for (let i = 0; i < TURNS; i++) {
	go.stdin.write("turn\n");
	note("Go", (await lines.next()).value.split(" ").map(Number));
	note("Node", turn());
}
go.stdin.end();
region.close();

for (const [i, what] of ["send", "receive and release", "the same, many at once"].entries()) {
	const [inGo, inNode] = [least.Go[i], least.Node[i]];
	console.log(
		`${what}: Go ${inGo.toFixed(0)} ns, Node ${inNode.toFixed(0)} ns, ${(inGo / inNode).toFixed(2)} ×`,
	);
}
console.log(
	`receiving many at once in Go, against one by one in Node: ${(least.Go[2] / least.Node[1]).toFixed(2)} ×`,
);
