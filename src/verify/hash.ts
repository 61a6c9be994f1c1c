/** The hashes of names and of keys. SYNC: `assembly/hash.ts` and `assembly/map.ts`. */
import type { Memory } from "./memory.js";

/** Returns the FNV-1a hash of `length` bytes from `from`. */
export function fnv1a({ bytes }: Memory, from: number, length: number): number {
	let hash = 2166136261;
	const end = Math.min(from + length, bytes.length);
	for (let at = from; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 16777619);
	return hash >>> 0;
}

/** Returns the hash of a key, which determines its place in a map's table. */
export function hashOfKey(memory: Memory, from: number, length: number): number {
	let hash = fnv1a(memory, from, length);
	hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
	hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
	return (hash ^ (hash >>> 16)) >>> 0;
}
