import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CsvError, parse } from "csv-parse/sync";
import { InputError, isSystemError } from "./cli.js";

/** A problem: find x with a x² + b x + c = 0, starting from x0. */
export interface Problem {
	readonly a: number;
	readonly b: number;
	readonly c: number;
	readonly x0: number;
}

const COLUMNS = ["a", "b", "c", "x0"] as const;
type Column = (typeof COLUMNS)[number];
type Fields = Partial<Record<Column, string | undefined>>;

/**
 * The problems that come with the example. They are found by the package's location, as this may run from
 * `dist/`.
 */
const SHIPPED = fileURLToPath(
	new URL("examples/newton/problems.csv", import.meta.resolve("dhmem/package.json")),
);

/**
 * Loads one problem from NEWTON_A, NEWTON_B, NEWTON_C and NEWTON_X0, or many from the CSV file
 * NEWTON_PROBLEMS. By default, loads the problems that come with the example.
 *
 * @throws {InputError} with the variable, or the file and the line.
 */
export function loadProblems(environment: NodeJS.ProcessEnv): Problem[] {
	const fields: Fields = {};
	for (const column of COLUMNS) fields[column] = environment[`NEWTON_${column.toUpperCase()}`];
	const isOne = COLUMNS.some((column) => fields[column] !== undefined);
	const { NEWTON_PROBLEMS } = environment;
	if (!isOne) return readProblems(NEWTON_PROBLEMS ?? SHIPPED);
	if (NEWTON_PROBLEMS !== undefined)
		throw new InputError("give either --problems or --a --b --c --x0, not both");
	return [problemFrom(fields, (column) => `--${column} (or NEWTON_${column.toUpperCase()})`)];
}

/** Reads a CSV file with the columns a, b, c and x0, in any order and among others. */
export function readProblems(path: string): Problem[] {
	let problems: Problem[];
	try {
		problems = parse<Problem, Fields>(readFileSync(path), {
			bom: true,
			comment: "#",
			skip_empty_lines: true,
			trim: true,
			columns: (header: string[]) => {
				const missing = COLUMNS.filter((column) => !header.includes(column));
				if (missing.length === 0) return header;
				throw new InputError(`${path}:1: no column ${missing.join(", ")} among ${header.join(", ")}`);
			},
			on_record: (fields, { lines }) => problemFrom(fields, (column) => `${path}:${lines}: ${column}`),
		});
	} catch (error) {
		if (error instanceof CsvError) throw new InputError(`${path}:${error.lines}: ${error.message}`);
		if (isSystemError(error)) throw new InputError(`can't read the problems: ${error.message}`);
		throw error;
	}
	if (problems.length === 0) throw new InputError(`${path}:1: no problems in this file`);
	return problems;
}

function problemFrom(fields: Fields, describe: (column: Column) => string): Problem {
	const number = (column: Column) => {
		const text = fields[column]?.trim() ?? "";
		const value = Number(text);
		if (text === "") throw new InputError(`${describe(column)} is missing`);
		if (!Number.isFinite(value)) throw new InputError(`${describe(column)} is not a number: ${text}`);
		return value;
	};
	const problem = { a: number("a"), b: number("b"), c: number("c"), x0: number("x0") };
	if (problem.a === 0 && problem.b === 0) {
		throw new InputError(`${describe("a")} and b are both 0, so there is no x to solve for`);
	}
	return problem;
}
