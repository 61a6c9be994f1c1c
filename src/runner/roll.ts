/** Who takes part in a run on several machines, and how far they are. All runners see the same roll. */
import { DhmemError } from "../errors.js";
import type { Link } from "../workflow/links.js";

/** A runner, with the tasks of its machine. */
export interface Member {
	readonly id: string;
	readonly host: string;
	readonly tasks: readonly string[];
	/** True if it does nothing more for the run. */
	readonly left: boolean;
}

/** Why a run ends before its tasks have finished. */
export interface Failure {
	readonly message: string;
	/** The exit status of all runners. */
	readonly status: number;
	/** The id of the runner that says it. */
	readonly by: string;
}

export interface Roll {
	/** What the runners must agree on (`digestOf`). */
	readonly digest: string;
	readonly tasks: readonly string[];
	readonly members: readonly Member[];
	/** Tasks that have finished successfully and are not restarted. */
	readonly finished: readonly string[];
	readonly failure?: Failure;
}

/** Tells of links whether the runner at one of their ends was there before this one, and still takes part. */
export function withEarlierRunner({ members }: Roll, id: string): (link: Link) => boolean {
	const own = members.findIndex((member) => member.id === id);
	const before = members.slice(0, own).filter(({ left }) => !left);
	const tasks = new Set(before.flatMap(({ tasks }) => tasks));
	return ({ from, to }) => tasks.has(from.task) || tasks.has(to.task);
}

/**
 * Enters a runner.
 *
 * @param run its name, for messages
 * @throws DHMEM_TYPE_MISMATCH for another workflow; DHMEM_EXISTS if the run goes on already, or one of the tasks has a
 * place
 */
export function enter(
	roll: Roll | undefined,
	run: string,
	member: Member,
	workflow: Pick<Roll, "digest" | "tasks">,
): Roll {
	if (roll === undefined) return { ...workflow, members: [member], finished: [] };
	if (roll.members.some(({ id }) => id === member.id)) return roll;
	const [first] = roll.members;
	if (isOver(roll)) {
		throw new DhmemError(
			"DHMEM_EXISTS",
			`Run ${run} is about to end; try again in a moment, or choose another name (--run)`,
		);
	}
	if (missingIn(roll).length === 0) {
		throw new DhmemError(
			"DHMEM_EXISTS",
			`All tasks of run ${run} have their machines already: ${roll.members.map(describeMember).join(", ")}; choose another ` +
				"name (--run), or wait until that run has ended",
		);
	}
	if (roll.digest !== workflow.digest) {
		throw new DhmemError(
			"DHMEM_TYPE_MISMATCH",
			`The workflow file differs from that of ${first === undefined ? "the others" : describeMember(first)}; give all ` +
				`machines of run ${run} the same file`,
		);
	}
	for (const other of roll.members) {
		const twice = other.tasks.find((task) => member.tasks.includes(task));
		if (twice === undefined) continue;
		throw new DhmemError(
			"DHMEM_EXISTS",
			`Task ${twice} of run ${run} has a place already, at ${describeMember(other)}; name each task at one machine only ` +
				"(--only), or choose another name (--run)",
		);
	}
	return { ...roll, members: [...roll.members, member] };
}

/** Tasks that no runner has. */
export function missingIn({ tasks, members }: Roll): string[] {
	return tasks.filter((task) => !members.some((member) => member.tasks.includes(task)));
}

/** True if the run has succeeded or failed. */
export function isOver({ tasks, finished, failure }: Roll): boolean {
	return failure !== undefined || tasks.every((task) => finished.includes(task));
}

export function noteFinished(roll: Roll, task: string): Roll {
	return roll.finished.includes(task) ? roll : { ...roll, finished: [...roll.finished, task] };
}

/** Notes the first failure. What goes wrong in a run that is over changes nothing. */
export function noteFailure(roll: Roll, failure: Failure): Roll {
	return isOver(roll) ? roll : { ...roll, failure };
}

export function leave(roll: Roll, id: string): Roll {
	const members = roll.members.map((member) => (member.id === id ? { ...member, left: true } : member));
	return { ...roll, members };
}

/** True if nobody needs what the run has on the server any more. */
export function isDeserted({ members }: Roll): boolean {
	return members.every(({ left }) => left);
}

/** Grows with each change of the roll. */
export function changesIn({ members, finished, failure }: Roll): number {
	const gone = members.filter(({ left }) => left).length;
	return members.length + gone + finished.length + (failure === undefined ? 0 : 1);
}

/** A runner in words. */
export function describeMember({ host, tasks }: Pick<Member, "host" | "tasks">): string {
	return `${host} (${tasks.join(", ")})`;
}
