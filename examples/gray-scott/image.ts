import { interpolateInferno } from "d3-scale-chromatic";
import { encode } from "fast-png";
import type { Fields } from "./fields.js";

const SHADES = 256;
/** The v of the brightest shade. It is the same in all images, so that they can be compared. */
const BRIGHTEST = 0.36;

/** Red, green and blue of each shade. */
const palette = Array.from({ length: SHADES }, (_, shade) => {
	const colour = interpolateInferno(shade / (SHADES - 1)); // such as #fcffa4
	return [...Buffer.from(colour.slice(1), "hex")];
});

/** Draws the concentration of v as a PNG. */
export function imageOf({ size, v }: Fields): Uint8Array {
	const shades = new Uint8Array(v.length);
	for (const [cell, value] of v.entries()) {
		shades[cell] = Math.min(Math.round((value / BRIGHTEST) * (SHADES - 1)), SHADES - 1);
	}
	return encode({ width: size, height: size, channels: 1, data: shades, palette });
}
