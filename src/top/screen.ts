/** The terminal while `dhmem top` has it. However the process ends, the terminal is as it was before. */
import { writeSync } from "node:fs";
import { emitKeypressEvents } from "node:readline";
import type { Key } from "./state.js";

/**
 * The alternate screen, which has no history; no cursor; and long lines are cut, since a terminal may know other
 * widths of characters.
 */
const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const LEAVE = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const REST_OF_LINE = "\u001b[K";
const REST_OF_SCREEN = "\u001b[J";
/** Terminals that know this show a picture only when it is whole. Others ignore it. */
const BEGIN_PICTURE = "\u001b[?2026h";
const END_PICTURE = "\u001b[?2026l";

export class Screen {
	readonly #input: NodeJS.ReadStream;
	readonly #output: NodeJS.WriteStream & { fd: number };
	readonly #onKey: (key: Key) => void;
	#isEntered = false;

	/** @param onKey called for each key; there are none if the input is no terminal */
	constructor(
		input: NodeJS.ReadStream,
		output: NodeJS.WriteStream & { fd: number },
		onKey: (key: Key) => void,
	) {
		this.#input = input;
		this.#output = output;
		this.#onKey = onKey;
	}

	get columns(): number {
		return this.#output.columns || 80;
	}

	get rows(): number {
		return this.#output.rows || 24;
	}

	enter(): void {
		this.#isEntered = true;
		this.#output.write(ENTER);
		process.on("exit", this.#leaveNow);
		if (!this.#input.isTTY) return;
		emitKeypressEvents(this.#input);
		this.#input.setRawMode(true);
		this.#input.on("keypress", this.#onKeypress);
		this.#input.resume();
	}

	/** Resolves when the terminal is as it was before. */
	async leave(): Promise<void> {
		if (!this.#isEntered) return;
		this.#giveInputBack();
		await new Promise<void>((resolve) => this.#output.write(LEAVE, () => resolve()));
		this.#isEntered = false;
		process.off("exit", this.#leaveNow);
	}

	/** Shows the lines from the top of the screen. They must not be longer than it is wide. */
	show(lines: readonly string[]): void {
		// While the terminal is stopped, further pictures would only pile up.
		if (!this.#isEntered || this.#output.writableNeedDrain) return;
		const text = lines.map((line) => line + REST_OF_LINE).join("\r\n");
		this.#output.write(BEGIN_PICTURE + HOME + text + REST_OF_SCREEN + END_PICTURE);
	}

	readonly #onKeypress = (_: string | undefined, key: Key): void => this.#onKey(key);

	#giveInputBack(): void {
		if (!this.#input.isTTY) return;
		this.#input.off("keypress", this.#onKeypress);
		this.#input.setRawMode(false);
		this.#input.pause();
	}

	/** For a process that is ended by an error. It writes at once, because streams don't write any more. */
	readonly #leaveNow = (): void => {
		try {
			this.#giveInputBack();
			writeSync(this.#output.fd, LEAVE);
		} catch {
			// The terminal is gone.
		}
	};
}
