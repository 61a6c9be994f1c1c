/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `Symbol.dispose`. In Node before 24 only the main realm has it. In other realms, such as Jest's, a method
 * declared with it would be called "undefined". This replacement is the symbol that compilers of `using` look
 * for there.
 */
export const dispose: typeof Symbol.dispose =
	(Symbol.dispose as typeof Symbol.dispose | undefined) ??
	(Symbol.for("Symbol.dispose") as typeof Symbol.dispose);

/** `Symbol.asyncDispose`, likewise. */
export const asyncDispose: typeof Symbol.asyncDispose =
	(Symbol.asyncDispose as typeof Symbol.asyncDispose | undefined) ??
	(Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose);
