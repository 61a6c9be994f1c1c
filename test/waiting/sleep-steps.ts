/** The steps that the library makes when it sleeps and rings, noted as `sleep-model.ts` names them. */
import type { Consumer, Producer } from "dhmem";
import { SLOT_BYTES, SLOT_DOORBELL, SLOT_SLEEP, SLOTS_START } from "../../assembly/layout.js";
import type { Attachment } from "../../src/attachment/attachment.js";
import { UNREACHABLE } from "./sleep-model.js";

/** The participant behind an endpoint. */
export function participantOf(endpoint: Consumer | Producer): Attachment {
	return (endpoint as unknown as { attachment: Attachment }).attachment;
}

type Operation = (...values: never[]) => unknown;

/** Replaces methods of `object` so that each notes its step before it runs. */
function noting(object: object, names: Record<string, string>, note: (step: string) => void): object {
	return new Proxy(
		{},
		{
			get: (_, name) => {
				const found: unknown = Reflect.get(object, name);
				const step = names[String(name)];
				if (typeof found !== "function") return found;
				return (...values: never[]) => {
					if (step !== undefined) note(step);
					return (found as Operation).apply(object, values);
				};
			},
		},
	);
}

/** The core's calls. What a call of a ringer does inside is tried in all orders by `test/interleavings`. */
const CALLS = { announceConsumer: "announce 0", peekMany: "look 0", commit: "publish" };
const SHIM = {
	makePipe: "arm",
	armPipe: "arm",
	wait: "sleep on the futex",
	ringPipe: "ring the pipe",
	wake: "wake the futex",
};

export interface Steps {
	/** Takes what was noted since it was called last. */
	take(): string[];
	/** Calls `act` when the sleeper is about to block its thread. */
	whenBlocked(act: () => void): void;
	stop(): void;
}

/**
 * Notes the steps of these participants from now on, about the doorbell of `sleeper`.
 */
export function noteSteps(sleeper: Attachment, ringer: Attachment): Steps {
	let steps: string[] = [];
	let then: (() => void) | undefined;
	const note = (step: string) => {
		steps.push(step);
		if (step === "sleep on the futex") then?.();
	};
	for (const each of [sleeper, ringer]) {
		Object.defineProperty(each, "core", { value: noting(each.core, CALLS, note) });
		Object.defineProperty(each, "shim", { value: noting(each.shim, SHIM, note) });
	}
	const slot = SLOTS_START + sleeper.slot * SLOT_BYTES;
	const { load, or, and } = Atomics;
	const noted = (name: "load" | "or" | "and", step: (field: number, value: number) => string | undefined) => {
		const original = { load, or, and }[name] as Operation;
		Object.defineProperty(Atomics, name, {
			configurable: true,
			writable: true,
			value: (...values: never[]) => {
				const [words, at, value] = values as unknown as [{ buffer: unknown }, number, number];
				const isRegion = words.buffer === sleeper.words.buffer || words.buffer === ringer.words.buffer;
				const what = isRegion ? step(at * 4 - slot, value) : undefined;
				if (what !== undefined) note(what);
				return original.apply(Atomics, values);
			},
		});
	};
	noted("load", (field) => {
		if (field === SLOT_DOORBELL) return "read doorbell";
		return field === SLOT_SLEEP ? "read how it sleeps" : undefined;
	});
	noted("or", (field, value) => {
		if (field !== SLOT_SLEEP) return undefined;
		return value === UNREACHABLE ? "say that it is out of reach" : "say how, or";
	});
	noted("and", (field) => (field === SLOT_SLEEP ? "say how, and" : undefined));
	return {
		take: () => {
			const taken = steps;
			steps = [];
			return taken;
		},
		whenBlocked: (act) => {
			then = act;
		},
		stop: () => void Object.assign(Atomics, { load, or, and }),
	};
}
