/** What a message costs by its size. */
import type { Growth } from "../curve.js";
import { native } from "../native.js";
import { pair, peer } from "../pair.js";

/** About as long for each size. */
const countOf = (size: number) => Math.max(8, Math.min(2 ** 16, 2 ** 30 / size));

const stream = new URL("../measures/stream.js", import.meta.url).href;

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
			name: "dhmem, in place",
			role: "dhmem",
			at: (size) => pair({ name: "", role: "dhmem", from: stream, work: "sized", count: countOf(size) }),
		},
		{
			name: "Unix socket",
			role: "peer",
			at: (size) =>
				pair({ name: "", role: "peer", from: peer("unix-socket"), work: "sized", count: countOf(size) }),
		},
		{
			name: "memcpy and memcmp in C++, one process",
			role: "floor",
			at: (size) =>
				native({ name: "", role: "floor", program: "copy", args: ["sized"], count: countOf(size) }),
		},
	],
};
