/**
 * Evaluated before the loader, which assigns `Object.hasOwn` as it is evaluated. Under `--frozen-intrinsics` that
 * throws; so there, what it sees as `Object` meanwhile is another one that can be assigned to.
 */
export const realObject = Object;

if (Object.isFrozen(Object)) {
	const hasOwn = { value: Object.hasOwn, writable: true };
	globalThis.Object = Object.create(Object, { hasOwn }) as ObjectConstructor;
}
