/** A process that takes one endpoint of a queue, does what it is told, says so, and waits to be killed. */
import { type Consumer, type Producer, Region } from "dhmem";
import { serve, type Talk } from "../fixture/index.js";

/** Sends this many messages, and stages more, which are never published. */
function producer(talk: Talk, directory: string, count: string, staged: string): void {
	const producer = Region.open("region", { directory }).queue("q").producer();
	for (let index = 0; index < Number(count); index++) producer.trySend(String(index));
	if (Number(staged) > 0) producer.sendMany(unfinished(talk, Number(staged)));
	stay(talk, producer);
}

function* unfinished(talk: Talk, staged: number): Generator<string> {
	for (let index = 0; index < staged; index++) yield `staged ${index}`;
	talk.say("ready");
	Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** Receives this many messages, and releases those with these indexes. */
function consumer(talk: Talk, directory: string, count: string, releases: string): void {
	const consumer = Region.open("region", { directory }).queue("q").consumer();
	const messages = consumer.receiveMany(Number(count));
	for (const index of JSON.parse(releases) as number[]) messages[index]?.release();
	stay(talk, consumer);
}

function stay(talk: Talk, end: Producer | Consumer): void {
	talk.say("ready");
	// Referred to, so that it is not collected.
	setInterval(() => end.closed, 1000);
}

serve(import.meta.url, { producer, consumer });
