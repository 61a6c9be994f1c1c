import type { Readable } from "node:stream";

/**
 * The largest number of characters in a line. Longer lines are cut, so that endless ones don't fill the
 * memory.
 */
const LONGEST = 65_536;

/** Calls `onLine` with each line of a stream, until the stream ends or is closed. */
export function eachLine(stream: Readable, onLine: (line: string) => void): void {
	let rest = "";
	stream.setEncoding("utf8");
	stream.on("data", (text: string) => {
		// A carriage return at the end of the text may be the first half of a line break.
		const lines = (rest + text).split(/\r?\n|\r(?!$)/);
		rest = lines.pop() ?? "";
		for (const line of lines) onLine(line);
		for (; rest.length > LONGEST; rest = rest.slice(LONGEST)) onLine(rest.slice(0, LONGEST));
	});
	stream.once("close", () => {
		if (rest !== "") onLine(rest.replace(/\r$/, ""));
	});
}
