/** Which runners of a run are gone, by what they answer when they are asked now and then. */
import type { Answer } from "../workflow/nats/presence.js";

/**
 * What an answer says for a runner being gone, and how much of that in a row gives it up. Of a killed one, the server
 * knows within moments that nobody listens: 16 s, in which it may also connect again. A silent one may be on a busy
 * machine, or be stopped: two minutes.
 */
const DOUBT = { there: 0, silent: 1, nobody: 4 } as const;
const MOST_DOUBT = 32;

export class Doubts {
	readonly #doubts = new Map<string, number>();
	#isConnected = true;

	/** False while there is no connection to the server. What is not answered then says nothing. */
	get isConnected(): boolean {
		return this.#isConnected;
	}

	set isConnected(isConnected: boolean) {
		this.#isConnected = isConnected;
		this.#doubts.clear();
	}

	/** Takes an answer of a runner. @returns true if it is gone */
	take(id: string, answer: Answer): boolean {
		if (!this.#isConnected) return false;
		const doubt = answer === "there" ? 0 : (this.#doubts.get(id) ?? 0) + DOUBT[answer];
		this.#doubts.set(id, doubt);
		return doubt >= MOST_DOUBT;
	}
}
