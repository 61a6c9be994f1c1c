import type { Libc } from "./libc.ts";
import { Consumer, type Message, Producer } from "./queues.ts";
import { Region } from "./region.ts";

const encoder = new TextEncoder();

/**
 * Answers every message of the queue `questions` in the queue `answers`: a text by the same text in capitals, and a
 * block of f64 by a new block that has each number doubled, with their sum as the message.
 */
export function answerIn(libc: Libc, name: string): void {
	const region = new Region(libc, name);
	try {
		const questions = new Consumer(region, "questions");
		const answers = new Producer(region, "answers");
		for (let message = questions.receive(); message !== undefined; message = questions.receive())
			answer(region, message, answers);
		answers.end();
		questions.close();
		answers.close();
	} finally {
		region.leave();
	}
}

function answer(region: Region, { bytes, block, release }: Message, answers: Producer): void {
	if (block === undefined) {
		// TextDecoder refuses shared memory, so this takes a copy.
		answers.send(encoder.encode(new TextDecoder().decode(bytes.slice()).toUpperCase()));
		release();
		return;
	}
	const numbers = new Float64Array(block.buffer, block.byteOffset, block.byteLength / 8);
	const doubled = region.allocate(block.byteLength);
	const copy = region.view(doubled, block.byteLength);
	new Float64Array(copy.buffer, copy.byteOffset, numbers.length).set(numbers.map((number) => 2 * number));
	const sum = numbers.reduce((total, number) => total + number, 0);
	const { byteLength } = block;
	release();
	answers.sendBlock(encoder.encode(String(sum)), doubled, byteLength);
}
