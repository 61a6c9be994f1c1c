/** AssemblyScript's integer, where TypeScript compiles a file of the core. */
type u32 = number;

/** What this project uses of WebAssembly; TypeScript declares it among the DOM's names only. */
declare namespace WebAssembly {
	class Module {
		constructor(bytes: Uint8Array);
		static imports(module: Module): { module: string; name: string; kind: string }[];
		static exports(module: Module): { name: string; kind: string }[];
	}
	class Instance {
		constructor(module: Module, imports?: Record<string, Record<string, unknown>>);
		readonly exports: Record<string, unknown>;
	}
	class Memory {
		constructor(descriptor: { initial: number; maximum: number; shared: boolean });
		readonly buffer: SharedArrayBuffer;
	}
	class RuntimeError extends Error {}
}
