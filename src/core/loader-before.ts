/**
 * Evaluated before the loader. While the loader is evaluated, it assigns `Object.hasOwn` and creates a
 * `TextDecoder`. Under `--frozen-intrinsics` the assignment would throw, so the loader sees a replacement for
 * `Object`. Some contexts, such as Jest's jsdom, have no `TextDecoder`, so the loader sees Node's.
 */
import { TextDecoder } from "node:util";

export const realObject = Object;
export const hasTextDecoder = "TextDecoder" in globalThis;

if (Object.isFrozen(Object)) {
	const hasOwn = { value: Object.hasOwn, writable: true };
	globalThis.Object = Object.create(Object, { hasOwn }) as ObjectConstructor;
}
if (!hasTextDecoder) {
	Object.defineProperty(globalThis, "TextDecoder", { value: TextDecoder, configurable: true });
}
