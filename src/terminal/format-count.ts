const UNITS = ["", "k", "M", "G"];

/** Formats a number of things, such as messages per second, in few characters: `"1.5k"`. */
export function formatCount(count: number | undefined): string {
	if (count === undefined) return "";
	const rounded = Math.round(count);
	if (count < 10) return String(Number(count.toFixed(1)));
	const exponent = Math.min(Math.floor(Math.log10(rounded) / 3), UNITS.length - 1);
	const value = count / 1000 ** exponent;
	return `${exponent > 0 && value < 100 ? value.toFixed(1) : Math.round(value)}${UNITS[exponent]}`;
}
