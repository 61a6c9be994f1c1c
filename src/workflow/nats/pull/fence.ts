const word = new Int32Array(new SharedArrayBuffer(4));

/**
 * What was read before it was read before what is read after it.
 *
 * SYNC: pairs with the exchange of the nonce in `freeSaved`. Bytes that were read from a block are the block's if its handle
 * is still there after this.
 */
export function fence(): void {
	Atomics.exchange(word, 0, 0);
}
