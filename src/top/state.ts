/** What the user has chosen on the screen of `dhmem top`, and how keys change it. */

/** Busy ones first, by name, or fullest first. */
export const sorts = ["busy", "name", "full"] as const;
export type Sort = (typeof sorts)[number];

/** Which tables are shown. */
export const views = ["all", "regions", "queues", "participants"] as const;
export type View = (typeof views)[number];

export interface State {
	readonly sort: Sort;
	readonly view: View;
	/** Only what contains this text is shown. */
	readonly filter: string;
	/** True while the user types the filter. */
	readonly isTyping: boolean;
	/** True while the picture stays as it is. */
	readonly isPaused: boolean;
	/** The number of rows above the first one that is shown, where one table has the whole screen. */
	readonly offset: number;
}

export const initialState: State = {
	sort: "busy",
	view: "all",
	filter: "",
	isTyping: false,
	isPaused: false,
	offset: 0,
};

/** A key as `node:readline` reports it. */
export interface Key {
	name?: string | undefined;
	ctrl?: boolean | undefined;
	shift?: boolean | undefined;
	/** The bytes of the key, as text. */
	sequence?: string | undefined;
}

/** What a key asks for, beside a new state. */
export type Wish = "quit" | "interrupt" | "suspend";

const PAGE = 10;

/** Returns the state after a key, or what the user wishes to do. */
export function press(state: State, key: Key): State | Wish {
	if (key.ctrl && key.name === "c") return "interrupt";
	if (key.ctrl && key.name === "z") return "suspend";
	return state.isTyping ? type(state, key) : command(state, key);
}

function type(state: State, { name, ctrl, sequence = "" }: Key): State {
	const { filter } = state;
	if (name === "return" || name === "enter") return { ...state, isTyping: false };
	if (name === "escape") return { ...state, isTyping: false, filter: "" };
	if (name === "backspace") return { ...state, filter: Array.from(filter).slice(0, -1).join("") };
	if (ctrl && name === "u") return { ...state, filter: "" };
	return /^\P{C}+$/u.test(sequence) ? { ...state, filter: filter + sequence, offset: 0 } : state;
}

function command(state: State, { name, shift, sequence }: Key): State | Wish {
	const scrolled = (by: number) => ({ ...state, offset: Math.max(0, state.offset + by) });
	if (sequence === "/") return { ...state, isTyping: true };
	switch (name) {
		case "q":
			return "quit";
		case "s":
			return { ...state, sort: after(sorts, state.sort), offset: 0 };
		case "tab":
			return { ...state, view: after(views, state.view, shift ? -1 : 1), offset: 0 };
		case "p":
		case "space":
			return { ...state, isPaused: !state.isPaused };
		case "escape":
			return { ...state, filter: "", offset: 0 };
		case "up":
		case "k":
			return scrolled(-1);
		case "down":
		case "j":
			return scrolled(1);
		case "pageup":
			return scrolled(-PAGE);
		case "pagedown":
			return scrolled(PAGE);
		case "home":
			return { ...state, offset: 0 };
		default:
			return state;
	}
}

/** Returns what comes after `current`, and at the end the first. */
function after<T>(all: readonly T[], current: T, step = 1): T {
	return all[(all.indexOf(current) + step + all.length) % all.length] as T;
}
