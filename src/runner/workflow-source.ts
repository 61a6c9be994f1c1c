/** Parses the text of a workflow file, and collects its mistakes with their lines. */
import { closeSync, openSync, readSync } from "node:fs";
import {
	type Document,
	isAlias,
	isMap,
	isScalar,
	isSeq,
	LineCounter,
	type Node,
	parseDocument,
	visit,
} from "yaml";
import { DhmemError, show } from "../errors.js";

/** The keys and indexes that lead to a node of the file. */
export type Path = readonly (string | number)[];

/** The largest size of a file in bytes, also after expanding its aliases. Workflows need far less. */
const LARGEST = 2 ** 19;
/** The largest number of aliases in a file. Resolving one takes time in proportion to the file. */
const MOST_ALIASES = 1000;
/** The largest number of mistakes that are listed. */
const MOST_MISTAKES = 20;
/**
 * The largest nesting depth of lists and maps. With deeper ones, the parser takes seconds to overflow its
 * stack.
 */
const DEEPEST = 200;
/** Matches a line on which too many nested lists begin: `- - - …`. */
const BEGINS_TOO_MANY = new RegExp(`^[ \\t]*(?:[-?:][ \\t]+){${DEEPEST}}`, "m");
const TOO_DEEP = `lists and maps are nested too deeply; use at most ${DEEPEST} levels`;

/**
 * Reads the text of a workflow file.
 *
 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION; DHMEM_BAD_ARGUMENT for a file that is too long or not UTF-8
 */
export function readSource(path: string): string {
	const bytes = readUpTo(path, LARGEST + 1);
	if (bytes.length > LARGEST) throw wrong(`${path}: ${tooLong("a workflow file")}`);
	try {
		return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch {
		throw wrong(`${path}: the file is not UTF-8; save it as UTF-8`);
	}
}

/** Reads at most the first `most` bytes of a file, since a device or a pipe may have no end. */
function readUpTo(path: string, most: number): Uint8Array {
	let file: number | undefined;
	try {
		file = openSync(path, "r");
		const bytes = new Uint8Array(most);
		for (let length = 0; ; ) {
			const count = readSync(file, bytes, length, most - length, null);
			length += count;
			if (count === 0 || length === most) return bytes.subarray(0, length);
		}
	} catch (error) {
		const code =
			error instanceof Error && "code" in error && error.code === "EACCES" ? "PERMISSION" : "NOT_FOUND";
		throw new DhmemError(`DHMEM_${code}`, `The workflow file ${path} can't be read: ${error}`, {
			cause: error,
		});
	} finally {
		if (file !== undefined) closeSync(file);
	}
}

function wrong(message: string | readonly string[]): DhmemError {
	return new DhmemError("DHMEM_BAD_ARGUMENT", message);
}

/** True for the message of a stack overflow, which the parser throws or reports as an error of the file. */
function isStackFull(message: string): boolean {
	return message.includes("call stack");
}

/**
 * Estimates the nesting depth before parsing. Brackets in quoted strings count too, which does no harm
 * because most of them are closed again.
 */
function isTooDeep(text: string): boolean {
	let depth = 0;
	for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
		depth = bracket === "[" || bracket === "{" ? depth + 1 : Math.max(depth - 1, 0);
		if (depth > DEEPEST) return true;
	}
	return BEGINS_TOO_MANY.test(text);
}

function tooLong(what: string): string {
	return `${what} can have at most ${LARGEST} bytes; make it shorter, for example by moving scripts into files of their own`;
}

/** The text of a file, and the mistakes found in it so far. */
export class Source {
	readonly #path: string;
	readonly #lines = new LineCounter();
	readonly #document: Document.Parsed | undefined;
	readonly #mistakes = new Map<string, number>();
	/** The number of further mistakes, which are not listed. */
	#more = 0;

	/** @throws DHMEM_BAD_ARGUMENT, whose message has a line for each YAML mistake */
	constructor(text: string, path: string) {
		this.#path = path;
		this.#document = this.#parsed(text);
		this.throwIfWrong();
	}

	#parsed(text: string): Document.Parsed | undefined {
		if (text.length > LARGEST) {
			this.#mistake(0, tooLong("a workflow file"));
			return undefined;
		}
		if (isTooDeep(text)) {
			this.#mistake(0, TOO_DEEP);
			return undefined;
		}
		// The parser's own check for unique keys takes quadratic time, so `#checkKeys` does it.
		const options = { lineCounter: this.#lines, prettyErrors: false, merge: true, uniqueKeys: false };
		return this.#orMistake(() => {
			const document = parseDocument(text, options);
			for (const { code, pos, message } of [...document.errors, ...document.warnings]) {
				if (code === "MULTIPLE_DOCS")
					this.#mistake(pos[0], "a workflow file must be a single document; remove this one");
				else this.#mistake(pos[0], isStackFull(message) ? TOO_DEEP : message);
			}
			this.#checkNodes(document);
			return document;
		});
	}

	/** Returns the result of `act`. If it throws, notes that as a mistake of the file. */
	#orMistake<T>(act: () => T): T | undefined {
		try {
			return act();
		} catch (error) {
			const message = error instanceof Error ? error.message : String(error);
			this.#mistake(0, isStackFull(message) ? TOO_DEEP : message);
			return undefined;
		}
	}

	/** Checks that keys are unique, and that aliases refer to earlier anchors and don't expand to too much. */
	#checkNodes(document: Document.Parsed): void {
		const anchors = new Map<string, Node>();
		/** The offset of each alias, and the number of bytes that it adds when it is expanded. */
		const aliases: { at: number; bytes: number }[] = [];
		let bytes = 0;
		visit(document, {
			Node: (_, node) => {
				const [at = 0] = node.range ?? [];
				if (isMap(node)) this.#checkKeys(node.items);
				if (!isAlias(node)) {
					if (node.anchor !== undefined) anchors.set(node.anchor, node);
					return undefined;
				}
				const target = anchors.get(node.source);
				const [from = 0, to = 0] = target?.range ?? [];
				const inside = aliases.filter((each) => each.at >= from && each.at < to);
				const added = inside.reduce((sum, each) => sum + each.bytes, to - from);
				aliases.push({ at, bytes: added });
				bytes += added;
				if (target === undefined) this.#mistake(at, `there is no &${node.source} before this alias`);
				else if (at < to) this.#mistake(at, `the alias *${node.source} is inside &${node.source} itself`);
				else if (aliases.length > MOST_ALIASES)
					this.#mistake(at, `a file can have at most ${MOST_ALIASES} aliases`);
				else if (bytes > LARGEST) this.#mistake(at, tooLong("the file with its aliases expanded"));
				else return undefined;
				return visit.BREAK;
			},
		});
	}

	#checkKeys(items: readonly { key: unknown }[]): void {
		const seen = new Set<string>();
		for (const { key } of items) {
			if (!isScalar(key)) continue;
			// Keys become strings, so 1 and "1" are the same key.
			const name = String(key.value ?? "");
			if (seen.has(name))
				this.#mistake(startOf(key), `Map keys must be unique; there already is a key ${show(name)}`);
			seen.add(name);
		}
	}

	/** Returns the contents as plain values. */
	value(): unknown {
		if (this.#document !== undefined) keepVariables(this.#document);
		const value = this.#orMistake(() => this.#document?.toJS());
		this.throwIfWrong();
		return value;
	}

	/** Notes a mistake at a node of the file. */
	add(path: Path, message: string): void {
		// Mistakes that are not listed are only counted: finding the line takes time in proportion to the file.
		if (this.#mistakes.size >= MOST_MISTAKES) this.#more++;
		else this.#mistake(this.#offsetOf(path), message);
	}

	#mistake(offset: number | undefined, message: string): void {
		const { line } = this.#lines.linePos(offset ?? 0);
		const text = `${this.#path}:${Math.max(line, 1)}: ${message}`;
		if (this.#mistakes.size >= MOST_MISTAKES && !this.#mistakes.has(text)) this.#more++;
		else this.#mistakes.set(text, line);
	}

	throwIfWrong(): void {
		if (this.#mistakes.size === 0) return;
		const inOrder = [...this.#mistakes].sort(([, a], [, b]) => a - b).map(([text]) => text);
		if (this.#more > 0) inOrder.push(`${this.#path}: and ${this.#more} more mistakes`);
		throw wrong(inOrder);
	}

	/**
	 * Returns the offset of the key or item that a path leads to, or of the last part of the path that exists.
	 */
	#offsetOf(path: Path): number {
		let offset = 0;
		let node: unknown = this.#document?.contents;
		for (const part of path) {
			if (isAlias(node) && this.#document !== undefined) node = node.resolve(this.#document);
			if (isMap(node)) {
				const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(part));
				if (pair === undefined) break;
				offset = startOf(pair.key) ?? offset;
				node = pair.value;
			} else if (isSeq(node)) {
				node = node.items[Number(part)];
				offset = startOf(node) ?? offset;
			}
		}
		return offset;
	}
}

/**
 * Keeps the values of environment variables as they are written, because as numbers 1.10 would become 1.1.
 */
function keepVariables(document: Document.Parsed): void {
	visit(document, {
		Pair: (_, { key, value }, path) => {
			// The path consists of the document, its map, `tasks`, its map, a task, its map.
			if (path.length !== 6 || !isScalar(key) || key.value !== "environment" || !isMap(value)) return;
			for (const { value: each } of value.items) {
				if (isScalar(each) && typeof each.value !== "string" && each.value !== null) each.value = each.source;
			}
		},
	});
}

function startOf(node: unknown): number | undefined {
	return (node as Node | null | undefined)?.range?.[0];
}
