const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Formats a number of bytes for people: `"1.5 MiB"`. */
export function formatSize(bytes: number): string {
	const exponent = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), UNITS.length - 1);
	const value = bytes / 1024 ** exponent;
	return `${exponent > 0 && value < 100 ? value.toFixed(1) : Math.round(value)} ${UNITS[exponent]}`;
}
