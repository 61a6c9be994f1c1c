/** The text of a workflow file: its values, and its mistakes, each with its line. */
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

/** Keys and indexes that lead to a place in the file. */
export type Path = readonly (string | number)[];

/** Bytes that a file may have, also with every alias written out: far more than a workflow needs. */
const LARGEST = 2 ** 19;
/** Aliases that a file may have: looking one up takes time in proportion to the file. */
const MOST_ALIASES = 1000;
/** How many mistakes are listed. */
const MOST_MISTAKES = 20;
/** How deep lists and maps may lie in one another: the parser takes seconds to find the end of its stack. */
const DEEPEST = 200;
/** So many lists begin on one line: `- - - …`. */
const BEGINS_TOO_MANY = new RegExp(`^[ \\t]*(?:[-?:][ \\t]+){${DEEPEST}}`, "m");
const TOO_DEEP = "lists and maps lie too deep in one another";

/**
 * The text of a workflow file.
 *
 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION; DHMEM_BAD_ARGUMENT for a file that is too long or not UTF-8
 */
export function readSource(path: string): string {
	const bytes = readUpTo(path, LARGEST + 1);
	if (bytes.length > LARGEST) throw wrong(`${path}: ${tooLong("a workflow file")}`);
	try {
		return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch {
		throw wrong(`${path}: this is not UTF-8; save the file as UTF-8`);
	}
}

/** The first bytes of a file, at most `most`: a device or a pipe may have no end. */
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

/** Where the parser comes to the end of the stack it throws, or notes that as an error of the file. */
function isStackFull(message: string): boolean {
	return message.includes("call stack");
}

/** By the text alone, before it is parsed. Brackets in a quoted text count too, where most are closed again. */
function isTooDeep(text: string): boolean {
	let depth = 0;
	for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
		depth = bracket === "[" || bracket === "{" ? depth + 1 : Math.max(depth - 1, 0);
		if (depth > DEEPEST) return true;
	}
	return BEGINS_TOO_MANY.test(text);
}

function tooLong(what: string): string {
	return `${what} may have ${LARGEST} bytes; make it shorter, for example by moving scripts to files of their own`;
}

/** The text of a file, and what is wrong with it so far. */
export class Source {
	readonly #path: string;
	readonly #lines = new LineCounter();
	readonly #document: Document.Parsed | undefined;
	readonly #mistakes = new Map<string, number>();
	/** Mistakes beyond those that are listed. */
	#more = 0;

	/** @throws DHMEM_BAD_ARGUMENT with a line for each mistake of YAML */
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
		// Its own check for unique keys compares each key with all others.
		const options = { lineCounter: this.#lines, prettyErrors: false, merge: true, uniqueKeys: false };
		return this.#orMistake(() => {
			const document = parseDocument(text, options);
			for (const { code, pos, message } of [...document.errors, ...document.warnings]) {
				if (code === "MULTIPLE_DOCS")
					this.#mistake(pos[0], "a workflow file is one document; end it before this");
				else this.#mistake(pos[0], isStackFull(message) ? TOO_DEEP : message);
			}
			this.#checkNodes(document);
			return document;
		});
	}

	/** The result; or what is thrown becomes a mistake of the file. */
	#orMistake<T>(act: () => T): T | undefined {
		try {
			return act();
		} catch (error) {
			const message = error instanceof Error ? error.message : String(error);
			this.#mistake(0, isStackFull(message) ? TOO_DEEP : message);
			return undefined;
		}
	}

	/** That keys are unique, and that aliases name something and don't make much of little. */
	#checkNodes(document: Document.Parsed): void {
		const anchors = new Map<string, Node>();
		/** How many bytes each alias adds, and where. */
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
				if (target === undefined) this.#mistake(at, `there is no &${node.source} before this`);
				else if (at < to) this.#mistake(at, `*${node.source} is part of &${node.source} itself`);
				else if (aliases.length > MOST_ALIASES) this.#mistake(at, `a file may have ${MOST_ALIASES} aliases`);
				else if (bytes > LARGEST) this.#mistake(at, tooLong("the file, with every alias written out,"));
				else return undefined;
				return visit.BREAK;
			},
		});
	}

	#checkKeys(items: readonly { key: unknown }[]): void {
		const seen = new Set<string>();
		for (const { key } of items) {
			if (!isScalar(key)) continue;
			// Keys become text: 1 and "1" are one.
			const name = String(key.value ?? "");
			if (seen.has(name))
				this.#mistake(startOf(key), `Map keys must be unique; ${show(name)} is here already`);
			seen.add(name);
		}
	}

	/** The contents as plain values. */
	value(): unknown {
		if (this.#document !== undefined) keepVariables(this.#document);
		const value = this.#orMistake(() => this.#document?.toJS());
		this.throwIfWrong();
		return value;
	}

	/** Notes a mistake at a place. */
	add(path: Path, message: string): void {
		// Finding the place takes time in proportion to the file.
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

	/** Where the key or item is that a path leads to, or the last one of it that is there. */
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

/** Variables are text, and stay as they are written: 1.10 is not 1.1, and a long number not another one. */
function keepVariables(document: Document.Parsed): void {
	visit(document, {
		Pair: (_, { key, value }, path) => {
			// The document, its map, tasks, their map, a task, its map.
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
