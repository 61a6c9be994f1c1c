/** Colours, where they can be seen. */
import { styleText } from "node:util";

export type Style = "bold" | "dim" | "inverse" | "red" | "yellow" | "green" | "blue" | "cyan" | "magenta";

/** Returns the text in this style, or unchanged. */
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_, text) => text;

/** Paints text for a stream if it is a terminal. `NO_COLOR` and `FORCE_COLOR` overrule that. */
export function paintFor(stream: NodeJS.WritableStream): Paint {
	return (style, text) => styleText(style, text, { stream });
}
