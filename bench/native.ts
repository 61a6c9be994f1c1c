/** Contenders in C++ and Rust: programs in `bench/native/` that print their figure. */
import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { endings } from "./ending.js";
import { type Contender, DEADLINE, type Job, Missing, type Role } from "./measure.js";

const run = promisify(execFile);
export interface NativeOptions {
	name: string;
	role: Role;
	program: string;
	/** The arguments before COUNT, SPOILT and SIZE. */
	args?: readonly string[];
	count: number;
	size?: number;
	/** The command that starts the program, such as `mpirun` with its options. */
	launcher?: readonly string[];
	env?: Readonly<Record<string, string>>;
	/** How the program is built, if not with the others. */
	build?: string;
}

function programOf(program: string): string {
	return fileURLToPath(new URL(`./native/${program}`, import.meta.url));
}

function reasonOf(error: unknown): string {
	const { stderr, signal, message } = error as { stderr?: string; signal?: string; message: string };
	return stderr?.trim() || (signal ? `ended early: ${signal}` : message);
}

export function native(options: NativeOptions): Contender {
	const { name, role, count, size, args = [], launcher = [], env = {} } = options;
	const { build = "bench/native/build.sh builds it, and names missing packages" } = options;
	const program = programOf(options.program);
	const round = async (job: Job) => {
		const numbers = [job.count, job.spoilt, job.size].map(String);
		const [command, ...rest] = [...launcher, program, ...args, ...numbers] as [string, ...string[]];
		const running = run(command, rest, { timeout: DEADLINE, env: { ...process.env, ...env } });
		// Not SIGKILL, so that mpirun can end its processes and remove its files.
		const end = () => running.child.kill();
		endings.add(end);
		try {
			const { stdout } = await running;
			const figure = Number(stdout);
			if (stdout.trim() === "" || Number.isNaN(figure))
				throw new Error(`it printed ${JSON.stringify(stdout)}`);
			return figure;
		} catch (error) {
			throw new Error(`${name}: ${reasonOf(error)}`);
		} finally {
			endings.delete(end);
		}
	};
	const start = async () => {
		const isThere = await access(program).then(
			() => true,
			() => false,
		);
		if (!isThere) throw new Missing(`not built: in a clone, ${build}`);
		return { round, stop: async () => {} };
	};
	return { name, role, count, ...(size === undefined ? {} : { size }), start };
}

/**
 * iceoryx2, which publishes and subscribes in shared memory. It needs a current Rust and minutes to compile, so it is
 * built apart from the others.
 *
 * @param work see `bench/native/iceoryx2/src/main.rs`
 */
export function iceoryx2(work: string, count: number, size?: number): Contender {
	const contender = native({
		name: "iceoryx2 in Rust",
		role: "beside",
		program: "iceoryx2/release/contender",
		args: [work],
		count,
		...(size === undefined ? {} : { size }),
		build: "bench/native/iceoryx2/build.sh builds it, with Rust 1.89 or newer",
	});
	return { ...contender, apart: true };
}
