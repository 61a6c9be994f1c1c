/**
 * A model of one who sleeps and of those who ring: all that they do to words and pipes, one step at a time, in every
 * order, with a death before every step. `sleep-model.test.ts` compares its steps with those of the library.
 *
 * The sleeper waits for something from each ringer. Each ringer publishes one thing, and rings.
 */

// --------------------------------------------------------------------------------------------------- state

export const FUTEX = 1;
export const PIPE = 2;
export const UNREACHABLE = 4;

/** Everything that steps read and write. It contains no references, so it can be compared as text. */
interface State {
	/** The sleeper's slot: doorbell, and how it sleeps. */
	bell: number;
	sleep: number;
	/** For each ringer: what it has published, and whether the sleeper has announced that it waits for it. */
	published: number[];
	announced: number[];
	/** Bytes in the sleeper's pipe: 0, 1 or more. -1 while there is none. */
	pipe: number;
	/** True while a thread sleeps on the futex, and once it was woken. */
	onFutex: boolean;
	woken: boolean;
	/** The sleeper: its next step, what it remembers, what it has seen. */
	next: string;
	seenBell: number;
	said: number;
	mode: "no pipe yet" | "pipe" | "thread";
	seen: number[];
	/** How many time slices have ended, and how many of these since a ringer could not reach the pipe. */
	slices: number;
	slicesSince: number;
	/** Each ringer: its next step, and how the sleeper slept when it looked. */
	ringers: { next: string; sleep: number }[];
	/** True once somebody has died. */
	deaths: number;
	/** True if a ringer could not reach the pipe. */
	failed: boolean;
}

/** What is wrong in a control, or different in a variant. */
export interface Plan {
	ringers: number;
	/** The sleeper blocks its thread, on the futex; with `beside`, promises are pending too. */
	blocks?: "alone" | "beside promises";
	/** The sleeper has a pipe, has blocked its thread, and now sleeps in its event loop. */
	blockedBefore?: true;
	/** The pipe can't be reached. */
	unreachable?: true;
	/** So many ringers may die. */
	deaths?: number;
	fault?: Fault;
}

export type Fault =
	| "the sleeper looks before it announces"
	| "the sleeper reads its doorbell last"
	| "the sleeper says last how it sleeps"
	| "the sleeper empties its pipe before it sleeps"
	| "a ringer rings before it publishes"
	| "a ringer that can't reach the pipe does not say so"
	| "a ringer that can't reach the pipe leaves the futex alone"
	| "a sleeper never looks by itself";

// ----------------------------------------------------------------------------------------------- the sleeper

/** What a round does: src/waiting/waiter.ts, `#lookAt` and `waitSync`. */
function round({ ringers, blocks, fault }: Plan): string[] {
	const looks = Array.from({ length: ringers }, (_, i) =>
		fault === "the sleeper looks before it announces"
			? [`look ${i}`, `announce ${i}`]
			: [`announce ${i}`, `look ${i}`],
	).flat();
	const say = ["say how, or", "say how, and"];
	const sleep = blocks === undefined ? ["arm"] : ["sleep on the futex"];
	if (fault === "the sleeper reads its doorbell last") return [...say, ...looks, "read doorbell", ...sleep];
	if (fault === "the sleeper says last how it sleeps") return ["read doorbell", ...looks, ...say, ...sleep];
	if (fault === "the sleeper empties its pipe before it sleeps")
		return [...say, "read doorbell", ...looks, "drain", ...sleep];
	return [...say, "read doorbell", ...looks, ...sleep];
}

/** Goes to the step of the round behind `step`, or to its first. */
function goOn(state: State, plan: Plan, step?: string): void {
	const steps = round(plan);
	const next = step === undefined ? 0 : steps.indexOf(step) + 1;
	// `#set` does nothing if the slot says so already.
	const isSaid = steps[next] === "say how, or" && says(state, plan) === state.said;
	state.next = steps[isSaid ? next + 2 : next] as string;
}

/** What the sleeper says: src/attachment/own-pipe.ts, `sleepInLoop` and `sleepBlocked`. 0 before it has a pipe. */
function says(state: State, { blocks }: Plan): number {
	if (state.mode === "no pipe yet") return 0;
	if (blocks === "alone") return FUTEX;
	if (blocks === "beside promises") return FUTEX | PIPE;
	return state.mode === "thread" ? FUTEX : PIPE;
}

/** Makes the sleeper's next step. False if it can't: it sleeps, or it has seen everything. */
function stepSleeper(state: State, plan: Plan): boolean {
	const step = state.next;
	const index = Number(step.split(" ")[1]);
	switch (step.replace(/ \d$/, "")) {
		case "say how, or":
			state.sleep |= says(state, plan);
			break;
		case "say how, and":
			state.sleep &= says(state, plan) | UNREACHABLE;
			state.said = says(state, plan);
			break;
		case "read doorbell":
			state.seenBell = state.bell;
			break;
		case "announce":
			if (state.seen[index] === 0) state.announced[index] = 1;
			break;
		case "look":
			state.seen[index] = state.published[index] as number;
			if (!state.seen.includes(0)) {
				state.next = "done";
				return true;
			}
			break;
		case "drain":
			state.pipe = Math.min(state.pipe, 0);
			break;
		case "arm":
			return arm(state, plan);
		case "sleep on the futex":
			state.next = "asleep on the futex";
			// `futex_wait` sleeps only while the word has this value: native-shim/host/futex.c.
			state.onFutex = state.bell === state.seenBell;
			state.woken = !state.onFutex;
			return true;
		case "asleep on the futex":
			if (!state.woken) return false;
			state.onFutex = false;
			goOn(state, plan);
			return true;
		case "asleep on the pipe":
			// Emptied before the doorbell is read: native-shim/node/handle.c.
			if (state.pipe <= 0) return false;
			state.pipe = 0;
			goOn(state, plan);
			return true;
		default:
			return false;
	}
	goOn(state, plan, step);
	return true;
}

/** src/attachment/attachment.ts, `arm`. */
function arm(state: State, plan: Plan): boolean {
	if (state.mode === "no pipe yet") {
		state.mode = "pipe";
		state.pipe = 0;
		goOn(state, plan);
	} else if (state.mode === "pipe" && (state.sleep & UNREACHABLE) !== 0) {
		// `isUsable`: from now on a thread sleeps on the futex. It says so before that.
		state.mode = "thread";
		state.sleep = (state.sleep | FUTEX) & (FUTEX | UNREACHABLE);
		state.said = FUTEX;
		state.pipe = -1;
	} else state.next = state.mode === "pipe" ? "asleep on the pipe" : "sleep on the futex";
	return true;
}

/** The time slice of a sleeper is over: it looks by itself. */
function endSlice(state: State, plan: Plan): boolean {
	state.onFutex = false;
	state.slices++;
	if (state.failed) state.slicesSince++;
	goOn(state, plan);
	return true;
}

// ----------------------------------------------------------------------------------------------- the ringers

/** The core: assembly/queue.ts, `publishStaged`; assembly/endpoints.ts, `wake`; assembly/slots.ts, `ring`. */
const CORE = ["publish", "look for an announcement", "take it", "ring the doorbell"];
/** The binding: src/attachment/waking.ts, `wakeAt`. */
const BINDING = ["read how it sleeps", "ring the pipe", "wake the futex"];

function ringing({ fault }: Plan): string[] {
	const steps = [...CORE, ...BINDING];
	if (fault === "a ringer rings before it publishes") return [...steps.slice(1), "publish"];
	return steps;
}

/** Makes a ringer's next step. False if it has come to its end. */
function stepRinger(state: State, index: number, plan: Plan): boolean {
	const ringer = state.ringers[index] as State["ringers"][number];
	const steps = ringing(plan);
	const step = ringer.next;
	let next = steps[steps.indexOf(step) + 1] ?? "done";
	switch (step) {
		case "publish":
			state.published[index] = 1;
			break;
		case "look for an announcement":
			if (state.announced[index] === 0) next = steps.at(-1) === "publish" ? "publish" : "done";
			break;
		case "take it":
			state.announced[index] = 0;
			break;
		case "ring the doorbell":
			state.bell++;
			break;
		case "read how it sleeps":
			ringer.sleep = state.sleep;
			if ((state.sleep & (PIPE | UNREACHABLE)) !== PIPE) next = "wake the futex";
			break;
		case "ring the pipe":
			if (plan.unreachable || state.pipe < 0) {
				state.failed = true;
				if (plan.fault !== "a ringer that can't reach the pipe does not say so") state.sleep |= UNREACHABLE;
				if (plan.fault === "a ringer that can't reach the pipe leaves the futex alone")
					next = steps.at(-1) === "publish" ? "publish" : "done";
			} else {
				// A byte that is there already is a ring, too.
				state.pipe = 1;
				if ((ringer.sleep & FUTEX) === 0) next = steps.at(-1) === "publish" ? "publish" : "done";
			}
			break;
		case "wake the futex":
			if (state.onFutex) state.woken = true;
			break;
		default:
			return false;
	}
	ringer.next = next;
	return true;
}

// ------------------------------------------------------------------------------------------------ all orders

/** What the search has found: how many states, and what is wrong, with the steps that lead there. */
export interface Found {
	states: number;
	/** The most time slices that the sleeper needed. */
	slices: number;
	failures: string[];
}

/** True if something was published that the sleeper has not seen. */
function hasUnseen({ published, seen }: State): boolean {
	return published.some((value, index) => value > (seen[index] as number));
}

function copyOf(state: State): State {
	return {
		...state,
		published: [...state.published],
		announced: [...state.announced],
		seen: [...state.seen],
		ringers: state.ringers.map((each) => ({ ...each })),
	};
}

/** Tries all orders of all steps, with a death before each. */
export function explore(plan: Plan): Found {
	const found: Found = { states: 0, slices: 0, failures: [] };
	const known = new Set<string>();
	const visit = (state: State, path: string[]): void => {
		const key = JSON.stringify(state);
		if (known.has(key) || found.failures.length > 0) return;
		known.add(key);
		found.states++;
		found.slices = Math.max(found.slices, state.slices);
		let moved = false;
		const attempt = (name: string, step: (copy: State) => boolean) => {
			const copy = copyOf(state);
			if (!step(copy)) return;
			moved = true;
			visit(copy, [...path, name]);
		};
		attempt(`sleeper: ${state.next}`, (copy) => stepSleeper(copy, plan));
		state.ringers.forEach(({ next }, index) => {
			attempt(`ringer ${index}: ${next}`, (copy) => stepRinger(copy, index, plan));
			if (state.deaths === (plan.deaths ?? 0) || next === "done") return;
			attempt(`ringer ${index} dies before: ${next}`, (copy) => {
				copy.deaths++;
				(copy.ringers[index] as State["ringers"][number]).next = "done";
				return true;
			});
		});
		if (!moved) {
			atRest(state, path);
			return;
		}
		// A slice may also end while others are in the midst of ringing.
		if (state.slices >= plan.ringers || !state.next.startsWith("asleep") || !hasUnseen(state)) return;
		attempt("the time slice ends", (copy) => endSlice(copy, plan));
	};
	/** Nobody moves any more: either nothing is left to see, or a death or a pipe out of reach explains it. */
	const atRest = (state: State, path: string[]): void => {
		if (state.next === "done" || !hasUnseen(state)) return;
		// A pipe out of reach costs one time slice, once.
		const isOutOfReach = state.failed && state.slicesSince === 0 && plan.blocks === undefined;
		const isExplained = state.deaths > 0 || isOutOfReach;
		if (!isExplained || plan.fault === "a sleeper never looks by itself") {
			found.failures.push(path.join("; "));
			return;
		}
		const copy = copyOf(state);
		endSlice(copy, plan);
		visit(copy, [...path, "the time slice ends"]);
	};
	visit(initial(plan), []);
	return found;
}

function initial(plan: Plan): State {
	const zeros = () => new Array<number>(plan.ringers).fill(0);
	// One that blocks has slept in its event loop before.
	const hasPipe = plan.blocks !== undefined || plan.blockedBefore === true;
	const said = plan.blockedBefore ? FUTEX : hasPipe ? PIPE : 0;
	const state: State = {
		bell: 0,
		sleep: said,
		published: zeros(),
		announced: zeros(),
		pipe: hasPipe ? 0 : -1,
		onFutex: false,
		woken: false,
		next: "",
		seenBell: 0,
		said,
		mode: hasPipe ? "pipe" : "no pipe yet",
		seen: zeros(),
		slices: 0,
		slicesSince: 0,
		ringers: zeros().map(() => ({ next: ringing(plan)[0] as string, sleep: 0 })),
		deaths: 0,
		failed: false,
	};
	goOn(state, plan);
	return state;
}

/** The steps where nothing comes in between: the sleeper's until it sleeps, a ringer's, and the sleeper's again. */
export function walk(plan: Plan): { sleeping: string[]; ringing: string[]; waking: string[] } {
	const state = initial(plan);
	const steps = (next: () => string, step: () => boolean) => {
		const names: string[] = [];
		for (let name = next(); step(); name = next()) names.push(name);
		return names;
	};
	const sleeper = () =>
		steps(
			() => state.next,
			() => stepSleeper(state, plan),
		);
	const sleeping = sleeper();
	const ringing = steps(
		() => state.ringers[0]?.next ?? "",
		() => stepRinger(state, 0, plan),
	);
	return { sleeping, ringing, waking: sleeper() };
}
