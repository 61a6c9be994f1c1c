/** How many columns of a terminal a text takes: East Asian characters and emoji take two, accents none. */
// Not string-width: its expressions and its Intl.Segmenter cost a command more time than all of dhmem.
import columnsOf from "fast-string-width";

/** Characters that are not seen, which fast-string-width counts. */
const INVISIBLE = /[\u00ad\u200b\u200c\u2060-\u2064\ufeff]/g;

const ASCII = /^[ -~]*$/;

/** The columns that a text without control characters takes. */
export function widthOf(text: string): number {
	return ASCII.test(text) ? text.length : columnsOf(text.replace(INVISIBLE, ""));
}

/** Cuts a text to at most `width` columns. The last one is then `…`. */
export function fit(text: string, width: number): string {
	if (widthOf(text) <= width) return text;
	if (width < 1) return "";
	let fitting = "";
	let left = width - 1;
	for (const { segment } of new Intl.Segmenter().segment(text)) {
		left -= widthOf(segment);
		if (left < 0) break;
		fitting += segment;
	}
	return `${fitting}…`;
}
