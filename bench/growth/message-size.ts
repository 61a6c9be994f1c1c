/** The cost of a message, by its size. */
import type { Growth } from "../curve.js";
import { native } from "../native.js";
import { pair, peer } from "../pair.js";

/** The number of messages of each size, chosen so that about the same number of bytes are sent. */
const countOf = (size: number) => Math.max(8, Math.min(2 ** 16, 2 ** 30 / size));
const stream = new URL("../measures/stream.js", import.meta.url).href;
const work = "sized";

export const messageSize: Growth = {
	name: "message-size",
	title: "A message, by its size",
	x: {
		label: "bytes",
		values: [8, 64, 512, 2 ** 12, 2 ** 15, 2 ** 18, 2 ** 20, 2 ** 22, 2 ** 24, 2 ** 26],
		scale: "log",
		unit: "bytes",
	},
	y: "µs for each message",
	lines: [
		{
			at: (size) =>
				pair({ name: "dhmem, in place", role: "dhmem", from: stream, work, count: countOf(size), size }),
		},
		{
			at: (size) => {
				const from = peer("unix-socket");
				return pair({ name: "Unix socket", role: "peer", from, work, count: countOf(size), size });
			},
		},
		{
			at: (size) => {
				const name = "memcpy and memcmp in C++, one process";
				return native({ name, role: "floor", program: "copy", args: [work], count: countOf(size), size });
			},
		},
	],
};
