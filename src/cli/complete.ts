/**
 * Finds what the last word of an unfinished command line could become. The answers come from the program itself, so
 * they name every command and option that exists.
 */
import type { Argument, Command, Option } from "commander";
import { namesIn } from "../attachment/leftovers.js";
import { directoryOf, trustOf } from "../attachment/region-options.js";
import { Watcher } from "../inspect/watcher.js";
import { escapeControls } from "../terminal/escape.js";
import { readEnvironment } from "../workflow/environment.js";
import { FILES } from "./completion-files.js";
import type { shellNames } from "./completion-scripts.js";

/** What a word could become, and what that is. */
interface Candidate {
	readonly word: string;
	readonly about: string;
}

type Candidates = readonly Candidate[] | typeof FILES;

/** The words before the last one, as far as they matter for it. */
interface Before {
	readonly command: Command | undefined;
	/** The arguments of the command. */
	readonly given: readonly string[];
	/** The option whose value is to come. */
	readonly open: Option | undefined;
	/** True behind `--`, where nothing is an option. */
	readonly isRest: boolean;
}

/**
 * Returns the lines that the shell's script reads: a candidate, a tab, and what it is; or `FILES` alone.
 *
 * @param words what was typed behind `dhmem`; the last one, which may be empty, is to be completed
 */
export function complete(program: Command, shell: (typeof shellNames)[number], words: string[]): string[] {
	const typed = shell === "bash" ? wholeWords(words) : words;
	const last = typed.at(-1) ?? "";
	const found = candidatesFor(program, readBefore(program, typed.slice(0, -1)), last);
	if (found === FILES) return [FILES];
	// bash replaces only what is behind the `=`.
	const from = shell === "bash" && /^--[^=]+=/.test(last) ? last.indexOf("=") + 1 : 0;
	return found
		.filter(({ word }) => word.startsWith(last) && escapeControls(word) === word)
		.map(({ word, about }) => `${word.slice(from)}\t${escapeControls(about)}`);
}

/** bash splits `--option=value` into three words, and leaves quotes and backslashes in them. */
function wholeWords(words: readonly string[]): string[] {
	const whole: string[] = [];
	for (const [i, word] of words.entries()) {
		const isValue = words[i - 1] === "=" && words[i - 2]?.startsWith("--");
		const isSign = word === "=" && words[i - 1]?.startsWith("--");
		const plain = word.replace(/\\(.)|["']/g, "$1");
		if (isValue || isSign) whole.push(`${whole.pop()}${plain}`);
		else whole.push(plain);
	}
	return whole;
}

function readBefore(program: Command, words: readonly string[]): Before {
	const [name, ...rest] = words;
	const command = visible(program).find((each) => each.name() === name);
	// Behind a word that is no command, nothing can be completed.
	const given = command === undefined && name !== undefined ? [name] : [];
	let open: Option | undefined;
	let isRest = false;
	for (const word of rest) {
		const isValue = open !== undefined;
		open = undefined;
		if (isValue) continue;
		if (isRest || !word.startsWith("-") || word === "-") given.push(word);
		else if (word === "--") isRest = true;
		else open = optionsOf(command).find((option) => isOf(option, word) && option.required);
	}
	return { command, given, open, isRest };
}

function candidatesFor(program: Command, { command, given, open, isRest }: Before, last: string): Candidates {
	if (open !== undefined) return valuesOf(open);
	if (!isRest && last.startsWith("-")) {
		const [flag = "", value] = last.split("=", 2);
		if (value === undefined) return optionsOf(command ?? program).map(asCandidate);
		const option = optionsOf(command).find((each) => isOf(each, flag));
		const values = option === undefined ? [] : valuesOf(option);
		return values === FILES ? FILES : values.map((each) => ({ ...each, word: `${flag}=${each.word}` }));
	}
	if (command === undefined) {
		if (given.length > 0) return [];
		return commandsOf(program);
	}
	if (command.name() === "help") return given.length > 0 ? [] : commandsOf(program);
	const all = command.registeredArguments;
	const next = all[given.length] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined);
	return next === undefined ? [] : argumentValues(command, next, given);
}

function commandsOf(program: Command): Candidate[] {
	return visible(program).map((each) => ({ word: each.name(), about: each.description() }));
}

function visible(program: Command): Command[] {
	return program.createHelp().visibleCommands(program);
}

/** The options that help shows, `--help` among them. */
function optionsOf(command: Command | undefined): Option[] {
	return command === undefined ? [] : command.createHelp().visibleOptions(command);
}

function isOf({ long, short }: Option, word: string): boolean {
	return word === long || word === short;
}

function asCandidate({ long, short, description }: Option): Candidate {
	return { word: long ?? short ?? "", about: description };
}

function valuesOf({ argChoices, long }: Option): Candidates {
	if (argChoices !== undefined) return argChoices.map(plainly);
	if (long === "--region") return regions();
	if (long === "--svg" || long === "--directory") return FILES;
	if (long === "--in") return ports("input");
	return long === "--out" ? ports("output") : [];
}

function argumentValues(command: Command, argument: Argument, given: readonly string[]): Candidates {
	if (argument.argChoices !== undefined) return argument.argChoices.map(plainly);
	switch (argument.name()) {
		case "region":
			return regions().filter(({ word }) => !given.includes(word));
		case "queue":
			if (given.length === 0) return [...ports(command.name() === "send" ? "output" : "input"), ...regions()];
			return given.length === 1 ? queues(given[0] as string) : [];
		case "file":
		case "command":
			return FILES;
		default:
			return [];
	}
}

function plainly(word: string): Candidate {
	return { word, about: "" };
}

/** Unlike `Region.list`, this removes nothing. */
function regions(): Candidate[] {
	return quietly(() => namesIn(directoryOf({})).map((word) => ({ word, about: "a region" })));
}

function queues(region: string): Candidate[] {
	return quietly(() => {
		const watcher = new Watcher(directoryOf({}), trustOf({}), [region]);
		const [found] = watcher.snapshot().regions;
		watcher.close();
		if (found === undefined || found.error !== undefined) return [];
		return found.queues.map(({ name, depth }) => ({ word: name, about: `${depth} waiting` }));
	});
}

/** The inputs or outputs of the task that this shell is part of. */
function ports(side: "input" | "output"): Candidate[] {
	return quietly(() => {
		const { task, links } = readEnvironment(process.env);
		const ours = links.filter(({ link }) => (side === "input" ? link.to : link.from).task === task);
		return [...new Set(ours.map(({ local }) => local))].map((word) => ({ word, about: `an ${side}` }));
	});
}

/** Where nothing can be found, nothing is offered. */
function quietly(find: () => Candidate[]): Candidate[] {
	try {
		return find();
	} catch {
		return [];
	}
}
