/**
 * Properties: what holds whatever fast-check thinks of, in a region that two participants have open. `FC_RUNS`
 * says how often each is tried; a failure prints the smallest counterexample, and the seed, from which `FC_SEED`
 * starts again.
 */
import { Region } from "dhmem";
import fc, { type Arbitrary } from "fast-check";
import * as assert from "uvu/assert";

const numRuns = Number(process.env.FC_RUNS ?? 60);
const seed = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };
/** How often a fault may be looked for in vain. */
const patience = 5000;

/** One of the two participants. */
export type By = 0 | 1;
export const by: Arbitrary<By> = fc.constantFrom(0, 1);

/** A region that two participants have open, and a third that only looks on. */
export class Openings implements Disposable {
	/** The one that looks on. */
	readonly host: Region;
	readonly #regions: [Region, Region];

	constructor() {
		this.host = Region.temporary({ size: "16MiB" });
		this.#regions = [Region.open(this.host.name), Region.open(this.host.name)];
	}

	at(which: By): Region {
		return this.#regions[which];
	}

	/** Leaves, and comes back as another participant. */
	reopen(which: By): void {
		this.#regions[which].close();
		this.#regions[which] = Region.open(this.host.name);
	}

	[Symbol.dispose](): void {
		for (const region of this.#regions) region.close();
		this.host.close();
	}
}

export type Property<T> = (openings: Openings, value: T) => void | Promise<void>;

function inOpenings<T>(arbitrary: Arbitrary<T>, property: Property<T>): fc.IAsyncProperty<[T]> {
	return fc.asyncProperty(arbitrary, async (value) => {
		using openings = new Openings();
		await property(openings, value);
	});
}

/** Passes if the property holds for everything that is tried. */
export async function holds<T>(arbitrary: Arbitrary<T>, property: Property<T>): Promise<void> {
	await fc.assert(inOpenings(arbitrary, property), { numRuns, ...seed, includeErrorInReport: true });
}

/** Passes if the property is found not to hold: the same that `holds`, of something with a fault. */
export async function isRefuted<T>(
	fault: string,
	arbitrary: Arbitrary<T>,
	property: Property<T>,
): Promise<void> {
	const found = await fc.check(inOpenings(arbitrary, property), { numRuns: patience, endOnFailure: true });
	assert.ok(found.failed, `nothing was found wrong with what ${fault}`);
	// By a comparison with the model, not because something is broken otherwise.
	if (!(found.errorInstance instanceof assert.Assertion)) throw found.errorInstance;
}

/** `target`, some methods of which do something else. */
export function but<T extends object>(target: T, faults: Partial<T>): T {
	return new Proxy(target, {
		get(_, key) {
			if (Object.hasOwn(faults, key)) return Reflect.get(faults, key);
			const value: unknown = Reflect.get(target, key, target);
			return typeof value === "function" ? value.bind(target) : value;
		},
	});
}
