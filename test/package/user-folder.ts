/** A user's folder in which dhmem is installed, and what the compiler says to programs there. */
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

export const PROJECT = fileURLToPath(new URL(".", import.meta.resolve("dhmem/package.json")));

/** Makes the folder, in memory, so that regions can lie there too. The caller removes it. */
export function userFolder(): string {
	const folder = mkdtempSync("/dev/shm/dhmem-documents-");
	mkdirSync(join(folder, "node_modules/@types"), { recursive: true });
	symlinkSync(PROJECT, join(folder, "node_modules/dhmem"));
	symlinkSync(join(PROJECT, "node_modules/@types/node"), join(folder, "node_modules/@types/node"));
	writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
	return folder;
}

const parsed = new Map<string, ts.SourceFile | undefined>();

/** Compiles programs of a user's folder with strict settings; `emit` writes JavaScript beside them. */
export function compiled(folder: string, paths: readonly string[], emit = false): ts.Program {
	const options: ts.CompilerOptions = {
		target: ts.ScriptTarget.ES2022,
		lib: ["lib.es2024.d.ts", "lib.esnext.disposable.d.ts"],
		module: ts.ModuleKind.NodeNext,
		types: ["node"],
		typeRoots: [join(folder, "node_modules/@types")],
		strict: true,
		noUncheckedIndexedAccess: true,
		exactOptionalPropertyTypes: true,
		skipLibCheck: true,
		noEmit: !emit,
	};
	const host = ts.createCompilerHost(options);
	const { getSourceFile } = host;
	// What comes with the compiler and with Node takes most of the time, and is the same for all programs.
	host.getSourceFile = (path, ...rest) => {
		if (!/node_modules\/(typescript|@types|undici-types)\//.test(path)) return getSourceFile(path, ...rest);
		if (!parsed.has(path)) parsed.set(path, getSourceFile(path, ...rest));
		return parsed.get(path);
	};
	return ts.createProgram(paths, options, host);
}

/** The compiler's errors, each with its place. */
export function errorsIn(program: ts.Program): string[] {
	return ts.getPreEmitDiagnostics(program).map(({ messageText, file, start = 0 }) => {
		const line = file?.text.slice(0, start).split("\n").length;
		return `${file?.fileName}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
	});
}
