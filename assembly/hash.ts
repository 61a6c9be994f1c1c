/** The FNV-1a hash (Fowler, Noll, Vo) of the `length` bytes at `from`. */
export function fnv1a(from: u32, length: u32): u32 {
	let hash: u32 = 2166136261;
	for (let i: u32 = 0; i < length; i++) hash = (hash ^ load<u8>(from + i)) * 16777619;
	return hash;
}
