/** Runs `dhmem top`: takes a snapshot again and again, and draws it. */
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { ratesBetween } from "../inspect/rates.js";
import type { Snapshot, Watcher } from "../inspect/watcher.js";
import type { Paint } from "../terminal/paint.js";
import { draw } from "./draw.js";
import { Screen } from "./screen.js";
import type { Picture } from "./sections.js";
import { initialState, type Key, press, type State } from "./state.js";

/** A snapshot of many regions takes long. At most one part in this many of the time is spent on them. */
const SHARE_OF_WATCHING = 10;

/** Milliseconds. */
const SUSPENDING = 100;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export class Top {
	readonly #watcher: Watcher;
	readonly #interval: number;
	readonly #paint: Paint;
	readonly #screen: Screen;
	#state: State = initialState;
	#snapshot: Snapshot;
	#picture: Picture;
	#timer: NodeJS.Timeout | undefined;
	#isOver = false;
	#end: (result: number | Error) => void = () => {};

	/** @param interval milliseconds between two snapshots */
	constructor(watcher: Watcher, interval: number, paint: Paint) {
		this.#watcher = watcher;
		this.#interval = interval;
		this.#paint = paint;
		this.#screen = new Screen(process.stdin, process.stdout, (key) => this.#guarded(() => this.#press(key)));
		// The first one is taken before the screen is taken, so that a missing folder is an ordinary error.
		this.#snapshot = watcher.snapshot();
		this.#picture = { snapshot: this.#snapshot, rates: new Map() };
	}

	/** Runs until the user quits or a signal comes. Returns the exit status. */
	async run(): Promise<number> {
		const handlers = SIGNALS.map((signal) => {
			const handler = () => this.#end(128 + constants.signals[signal]);
			process.on(signal, handler);
			return () => process.off(signal, handler);
		});
		const onResize = () => this.#guarded(() => this.#draw());
		const onGone = () => this.#end(128 + constants.signals.SIGHUP);
		process.stdout.on("resize", onResize).once("error", onGone);
		const ended = new Promise<number | Error>((resolve) => {
			this.#end = resolve;
		});
		this.#screen.enter();
		this.#draw();
		this.#schedule(this.#interval);
		const result = await ended;
		this.#isOver = true;
		clearTimeout(this.#timer);
		await this.#screen.leave();
		process.stdout.off("resize", onResize).off("error", onGone);
		for (const remove of handlers) remove();
		if (typeof result === "number") return result;
		throw result;
	}

	/** Runs `action`; its error ends the program after the terminal was given back. */
	#guarded(action: () => void): void {
		try {
			action();
		} catch (error) {
			this.#end(error instanceof Error ? error : new Error(String(error)));
		}
	}

	#schedule(milliseconds: number): void {
		this.#timer = setTimeout(() => this.#guarded(() => this.#look()), milliseconds);
	}

	#look(): void {
		const before = performance.now();
		// A paused picture stays, but the regions that were removed meanwhile are let go.
		const snapshot = this.#watcher.snapshot();
		if (!this.#state.isPaused) {
			this.#picture = { snapshot, rates: ratesBetween(this.#snapshot, snapshot) };
			this.#draw();
		}
		this.#snapshot = snapshot;
		const took = performance.now() - before;
		this.#schedule(Math.max(this.#interval, took * (SHARE_OF_WATCHING - 1)));
	}

	#draw(): void {
		const { columns, rows } = this.#screen;
		this.#screen.show(draw(this.#picture, this.#state, { columns, rows, paint: this.#paint }));
	}

	#press(key: Key): void {
		const next = press(this.#state, key);
		if (next === "quit") this.#end(0);
		else if (next === "interrupt") this.#end(128 + constants.signals.SIGINT);
		else if (next === "suspend") void this.#suspend();
		else {
			this.#state = next;
			this.#draw();
		}
	}

	/** Gives the terminal back, and goes on when the shell continues this process. */
	async #suspend(): Promise<void> {
		clearTimeout(this.#timer);
		await this.#screen.leave();
		process.kill(process.pid, "SIGTSTP");
		// The process stops within this pause. Without a shell that could continue it, the system does not stop it.
		await sleep(SUSPENDING);
		if (this.#isOver) return;
		this.#screen.enter();
		this.#guarded(() => this.#look());
	}
}

/** Takes two snapshots, and returns the second with the rates in between. */
export async function lookOnce(watcher: Watcher, interval: number): Promise<Picture> {
	const before = watcher.snapshot();
	await sleep(interval);
	const snapshot = watcher.snapshot();
	return { snapshot, rates: ratesBetween(before, snapshot) };
}
