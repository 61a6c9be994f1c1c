/**
 * Evaluated before the loader, which assigns `Object.hasOwn` as it is evaluated, and makes a `TextDecoder`. Under
 * `--frozen-intrinsics` the first throws, so there it sees as `Object` another one that can be assigned to. Some
 * contexts, such as Jest's jsdom, have no `TextDecoder`, so there it sees Node's.
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
