/** Texts about as long as a string can be. */
import { Buffer, constants } from "node:buffer";
import { type Block, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, errorOf, long } from "../fixture/index.js";

const LONGEST = constants.MAX_STRING_LENGTH;

/** A block of this size, filled with repetitions of `text`. */
function filled(region: Region, bytes: number, text: string): Block {
	const block = region.allocate(bytes);
	const { buffer, byteOffset, length } = block.bytes;
	Buffer.from(buffer, byteOffset, length).fill(text);
	return block;
}

long(test)("text and JSON that are longer than a string can be are DHMEM_UNSUPPORTED", () => {
	using region = Region.temporary({ size: "3GiB" });
	const queue = region.queue("q");
	const block = filled(region, 2 ** 31, "a");
	const error = errorOf(() => block.text());
	assert.is(error.code, "DHMEM_UNSUPPORTED");
	assert.match(error.message, "2147483648 bytes of text are too long for a string");
	for (const read of [() => block.json(), () => filled(region, LONGEST + 1, "a").text()])
		assert.is(codeOf(read), "DHMEM_UNSUPPORTED");
	queue.producer().trySend("", { block });
	const message = queue.consumer().tryReceive();
	assert.is(
		codeOf(() => message?.block?.text()),
		"DHMEM_UNSUPPORTED",
	);
});

long(test)("a text with fewer characters than a string may have is one, though it has more bytes", () => {
	using region = Region.temporary({ size: "1GiB" });
	// Each has three bytes, so that pieces end in the middle of one.
	const characters = Math.ceil((LONGEST + 3) / 3);
	using block = filled(region, 3 * characters, "€");
	const text = block.text();
	assert.is(text.length, characters);
	assert.ok(text.startsWith("€€") && text.endsWith("€€"));
	assert.not(text.includes("\ufffd"));
});

test("text that is not JSON is the SyntaxError of JSON.parse", () => {
	using region = Region.temporary({ size: "1MiB" });
	using block = filled(region, 10, "no JSON");
	assert.throws(() => block.json(), SyntaxError);
});

test.run();
