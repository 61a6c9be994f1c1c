/**
 * Properties: what must hold for everything that fast-check tries, in a region that two participants have open. `FC_RUNS`
 * says how often each is tried, and `FC_SEED` begins with another seed; a failure prints the smallest counterexample.
 */
import { Region } from "dhmem";
import fc, { type Arbitrary } from "fast-check";
import * as assert from "uvu/assert";
import { count } from "../fixture/index.js";

const numRuns = Number(process.env.FC_RUNS ?? count(20, 60));
const seed = Number(process.env.FC_SEED ?? 1);
/** How many times a search for a fault may find nothing. */
const patience = 5000;

/** One of the two participants. */
export type By = 0 | 1;
export const by: Arbitrary<By> = fc.constantFrom(0, 1);

/** A region that two participants and an observer have open. */
export class Openings implements Disposable {
	/** The observer. */
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
	await fc.assert(inOpenings(arbitrary, property), { numRuns, seed, includeErrorInReport: true });
}

/** Passes if the property turns out not to hold: like `holds`, for something with a fault. */
export async function isRefuted<T>(
	fault: string,
	arbitrary: Arbitrary<T>,
	property: Property<T>,
): Promise<void> {
	const found = await fc.check(inOpenings(arbitrary, property), {
		numRuns: patience,
		seed,
		endOnFailure: true,
	});
	assert.ok(found.failed, `nothing was found wrong with what ${fault}`);
	// The comparison with the model must find it, and not something else that is broken.
	if (!(found.errorInstance instanceof assert.Assertion)) throw found.errorInstance;
}

/** `target` with some of its methods replaced. */
export function but<T extends object>(target: T, faults: Partial<T>): T {
	return new Proxy(target, {
		get(_, key) {
			if (Object.hasOwn(faults, key)) return Reflect.get(faults, key);
			const value: unknown = Reflect.get(target, key, target);
			return typeof value === "function" ? value.bind(target) : value;
		},
	});
}
