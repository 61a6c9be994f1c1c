/**
 * One timer for all sleepers of this thread: a thread with many regions wakes as often as a thread with one.
 */
import { performance } from "node:perf_hooks";
import { clearTimeout, setTimeout } from "node:timers";

/** The part of its time by which an act may come early, so that acts gather in one turn of the event loop. */
const EARLY = 0.4;

interface Due {
	/** Milliseconds of `performance.now()`; infinite while the act is not due. */
	at: number;
	/** The earliest time at which it may happen, if the timer fires for another. */
	from: number;
}

/**
 * An act stays here until the timer has fired, because most are soon due again. See `Waits`. Then one that is not due
 * again leaves: it keeps its opening from being collected.
 */
const acts = new Map<() => void, Due>();
let timer: NodeJS.Timeout | undefined;
let timerAt = Number.POSITIVE_INFINITY;

/**
 * Calls `act` once, in at most `milliseconds`. An act that is due already is moved only to an earlier time. The timer
 * does not keep the process alive.
 */
export function callWithin(act: () => void, milliseconds: number): void {
	const now = performance.now();
	const at = now + milliseconds;
	let due = acts.get(act);
	if (due === undefined) {
		due = { at: Number.POSITIVE_INFINITY, from: 0 };
		acts.set(act, due);
	}
	if (due.at <= at) return;
	due.at = at;
	due.from = at - milliseconds * EARLY;
	if (at < timerAt) start(at, now);
}

export function callNoMore(act: () => void): void {
	const due = acts.get(act);
	if (due !== undefined) due.at = Number.POSITIVE_INFINITY;
}

function start(at: number, now: number): void {
	clearTimeout(timer);
	timerAt = at;
	timer = setTimeout(onTime, Math.max(1, at - now));
	timer.unref();
}

function onTime(): void {
	timerAt = Number.POSITIVE_INFINITY;
	const now = performance.now();
	try {
		// Acts that are added meanwhile are not due yet, so this ends.
		for (const [act, due] of acts) {
			if (due.at === Number.POSITIVE_INFINITY || due.from > now) continue;
			due.at = Number.POSITIVE_INFINITY;
			act();
		}
	} finally {
		// Also if an act fails, and the process goes on nevertheless: the others are not to wait for ever.
		goOn(now);
	}
}

function goOn(now: number): void {
	let next = Number.POSITIVE_INFINITY;
	for (const [act, { at }] of acts) {
		if (at === Number.POSITIVE_INFINITY) acts.delete(act);
		else next = Math.min(next, at);
	}
	if (next < timerAt) start(next, now);
}
