/**
 * The `AbortSignal` that the user's project declares, by `@types/node` or by TypeScript's library for the
 * DOM. A project without either compiles too: its signals then need what dhmem uses of one.
 */
export type Signal = typeof globalThis extends { AbortSignal: { prototype: infer Declared } }
	? Declared
	: {
			readonly aborted: boolean;
			readonly reason: unknown;
			addEventListener(type: "abort", listener: () => void): void;
			removeEventListener(type: "abort", listener: () => void): void;
		};

/**
 * The reason why a signal has aborted. Not by `throwIfAborted`, which signals of jsdom before version 22 lack;
 * even older ones, and those of polyfills, have no reason.
 */
export function reasonOf({ reason }: Signal): unknown {
	if (reason !== undefined) return reason;
	return Object.assign(new Error("This operation was aborted"), { name: "AbortError" });
}

/** Throws the reason if the signal has aborted. */
export function throwIfAborted(signal: Signal | undefined): void {
	if (signal?.aborted) throw reasonOf(signal);
}
