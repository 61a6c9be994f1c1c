import type { Readable } from "node:stream";

/** Characters after which a line goes on in the next one: what never ends a line must not fill the memory. */
const LONGEST = 65_536;

/** Calls `onLine` with each line of a stream, up to its end or its being closed. */
export function eachLine(stream: Readable, onLine: (line: string) => void): void {
	let rest = "";
	stream.setEncoding("utf8");
	stream.on("data", (text: string) => {
		// A carriage return at the end may be half of a line's end.
		const lines = (rest + text).split(/\r?\n|\r(?!$)/);
		rest = lines.pop() ?? "";
		for (const line of lines) onLine(line);
		for (; rest.length > LONGEST; rest = rest.slice(LONGEST)) onLine(rest.slice(0, LONGEST));
	});
	stream.once("close", () => {
		if (rest !== "") onLine(rest.replace(/\r$/, ""));
	});
}
