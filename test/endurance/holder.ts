/** A process that takes one end of a queue, does what it is told, says so, and waits to be killed. */
import { type Consumer, type Producer, Region } from "dhmem";

const { region, queue, side, count, releases, staged } = JSON.parse(process.argv[2] as string) as {
	region: string;
	queue: string;
	side: "producer" | "consumer";
	count: number;
	releases: number[];
	staged: number;
};
const end = side === "producer" ? sending() : receiving();
process.send?.("ready");
// Referred to, so that it is not collected.
setInterval(() => end.closed, 1000);

function sending(): Producer {
	const producer = Region.open(region).queue(queue).producer();
	for (let index = 0; index < count; index++) producer.trySend(String(index));
	if (staged > 0) producer.sendMany(unfinished());
	return producer;
}

/** So many messages, and then never another: they are staged, and not published. */
function* unfinished(): Generator<string> {
	for (let index = 0; index < staged; index++) yield `staged ${index}`;
	process.send?.("ready");
	Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function receiving(): Consumer {
	const consumer = Region.open(region).queue(queue).consumer();
	const messages = consumer.receiveMany(count);
	for (const index of releases) messages[index]?.release();
	return consumer;
}
