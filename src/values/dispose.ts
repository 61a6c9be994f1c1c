/**
 * `Symbol.dispose`. In Node before 24 only the main realm has it: where it is missing, as in Jest, a method of that name
 * would be called "undefined". Compilers of `using` look there for the symbol that stands in for it, which is this one.
 */
export const dispose: typeof Symbol.dispose =
	(Symbol.dispose as typeof Symbol.dispose | undefined) ??
	(Symbol.for("Symbol.dispose") as typeof Symbol.dispose);
