/** A process that holds clones and is killed with them: `node clone-child.js REGION`. */
import { Region } from "dhmem";

const region = Region.open(process.argv[2] ?? "", { mode: "open" });
const consumer = region.queue("clones").consumer();
for (;;) {
	const message = await consumer.receive();
	if (message === undefined) break;
	const block = message.take();
	const clones = Array.from({ length: 5 }, () => block.clone());
	block.free();
	clones.pop()?.free();
	process.stdout.write(`${clones[0]?.bytes[0]}\n`);
	for (;;) clones[0]?.clone().free();
}
