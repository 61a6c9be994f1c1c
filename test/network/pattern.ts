/** The contents of the blocks that tests send. */

/** No power of two, so that a chunk at a wrong place is noticed. */
const PERIOD = 65_521;
const period = Uint8Array.from({ length: PERIOD }, (_, i) => (i * 31 + (i >> 8)) & 255);
/** Bytes that are written or compared at a time. */
const PIECE = PERIOD * 256;

export function pattern(length: number): Uint8Array {
	return Buffer.alloc(length, period);
}

export function fillWithPattern(bytes: Uint8Array): void {
	const piece = pattern(Math.min(PIECE, bytes.length));
	for (let at = 0; at < bytes.length; at += PIECE) bytes.set(piece.subarray(0, bytes.length - at), at);
}

export function hasPattern(bytes: Uint8Array): boolean {
	const piece = pattern(Math.min(PIECE, bytes.length));
	for (let at = 0; at < bytes.length; at += PIECE) {
		const part = bytes.subarray(at, at + PIECE);
		if (Buffer.compare(part, piece.subarray(0, part.length)) !== 0) return false;
	}
	return true;
}
