import type { DType, Vector } from "dhmem";
import fc, { type Arbitrary } from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf } from "../fixture/index.js";
import { but, by, holds, isRefuted, type Property } from "./property.js";
import { dtypes, isLarge, type plain, same, sameAll, stored, type Value, valuesOf, zero } from "./values.js";

const index = fc.integer({ min: -3, max: 40 });

function stepsOf(dtype: DType) {
	const value = valuesOf(dtype);
	const step = fc.oneof(
		{ weight: 4, arbitrary: fc.record({ by, do: fc.constant("push"), values: fc.array(value) } as const) },
		{ weight: 2, arbitrary: fc.record({ by, do: fc.constant("pop") } as const) },
		{ weight: 2, arbitrary: fc.record({ by, do: fc.constant("set"), index, value } as const) },
		{ weight: 2, arbitrary: fc.record({ by, do: fc.constant("at"), index } as const) },
		fc.record({ by, do: fc.constant("resize"), length: fc.nat(30) } as const),
		fc.record({ by, do: fc.constant("resize"), length: fc.nat(3000) } as const),
		fc.record({ by, do: fc.constant("write the view"), index: fc.nat(20), value } as const),
		fc.record({ by, do: fc.constant("push one wrong"), values: fc.array(value) } as const),
		fc.record({ by, do: fc.constant("iterate") } as const),
	);
	return fc.array(step, { maxLength: 60, size: "max" });
}

type Step = (ReturnType<typeof stepsOf> extends Arbitrary<(infer S)[]> ? S : never) & { do: string };
interface Case {
	dtype: DType;
	steps: Step[];
}

const cases: Arbitrary<Case> = fc
	.constantFrom(...dtypes)
	.chain((dtype) => fc.record({ dtype: fc.constant(dtype), steps: stepsOf(dtype) }));

function likeAnArray(change: (vector: Vector) => Vector = (vector) => vector): Property<Case> {
	return (openings, { dtype, steps }) => {
		const vectors = ([0, 1] as const).map((each) => change(openings.at(each).vector("v", dtype)));
		const model: Value[] = [];
		const iterators: { iterator: Iterator<Value>; expected: Value[] }[] = [];
		for (const step of steps) {
			const vector = vectors[step.by] as Vector;
			switch (step.do) {
				case "push":
					model.push(...step.values.map((value) => stored(dtype, value)));
					same(vector.push(...step.values), model.length, "push");
					break;
				case "pop":
					same(vector.pop(), model.pop(), "pop");
					break;
				case "resize":
					vector.resize(step.length);
					while (model.length < step.length) model.push(zero(dtype));
					model.length = step.length;
					break;
				case "set": {
					const inside = step.index >= 0 && step.index < model.length;
					const outcome = codeOf(() => vector.set(step.index, step.value));
					same(outcome, inside ? "nothing" : "DHMEM_BAD_ARGUMENT", `set ${step.index}`);
					if (inside) model[step.index] = stored(dtype, step.value);
					break;
				}
				case "at":
					same(vector.at(step.index), model.at(step.index), `at ${step.index}`);
					break;
				case "write the view": {
					const view = vector.view as ReturnType<typeof plain>;
					same(view.length, model.length, "the view's length");
					if (step.index >= model.length) break;
					view[step.index] = step.value;
					model[step.index] = stored(dtype, step.value);
					break;
				}
				case "push one wrong":
					assert.is(
						codeOf(() => vector.push(...step.values, isLarge(dtype) ? 1 : 1n)),
						"DHMEM_BAD_ARGUMENT",
					);
					break;
				case "iterate":
					iterators.push({ iterator: vector[Symbol.iterator](), expected: [...model] });
			}
			for (const each of vectors) same(each.length, model.length, "the length");
		}
		for (const each of vectors) {
			sameAll(each, model, "by iterating");
			sameAll(each.view as ReturnType<typeof plain>, model, "in the view");
		}
		// An iteration passes over what was there when it began.
		for (const { iterator, expected } of iterators) {
			sameAll({ [Symbol.iterator]: () => iterator }, expected, "by an earlier iterator");
		}
	};
}

test("a vector behaves like an array, with changes by two participants", () => holds(cases, likeAnArray()));

const faults: [string, (vector: Vector) => Vector][] = [
	[
		"drops what is pushed beyond the fourth",
		(vector) => but(vector, { push: (...v) => vector.push(...v.slice(0, 4)) }),
	],
	["takes off the last without shrinking", (vector) => but(vector, { pop: () => vector.at(-1) })],
	[
		"loses the sign of zero",
		(vector) => but(vector, { set: (i, value) => vector.set(i, value === 0 ? 0 : value) }),
	],
	[
		"leaves what was there when it grows",
		(vector) =>
			but(vector, {
				resize(length) {
					const before = vector.length;
					vector.resize(length);
					if (length > before) vector.set(before, vector.at(0) as Value);
				},
			}),
	],
	["counts from the end wrongly", (vector) => but(vector, { at: (i) => vector.at(i < -1 ? i + 1 : i) })],
	["goes through what comes later too", (vector) => but(vector, { [Symbol.iterator]: () => live(vector) })],
];

function* live(vector: Vector): Iterator<Value> {
	for (let i = 0; i < vector.length; i++) yield vector.at(i) as Value;
}

for (const [fault, change] of faults) {
	test(`a vector that ${fault} is detected`, () => isRefuted(fault, cases, likeAnArray(change)));
}

test.run();
