/**
 * The two fields of the simulation, concentrations u and v on a square grid, and their form in messages:
 *
 *   message    step, first, size  32-bit integers; first is the first step of the run
 *   its block  u, then v          size × size doubles each, row by row
 */
import type { Block, Message } from "dhmem";

export interface Fields {
	/** The number of cells along each side. */
	readonly size: number;
	readonly u: Float64Array;
	readonly v: Float64Array;
}

/** Creates fields in this task's own memory. */
export function privateFields(size: number): Fields {
	return split(new Float64Array(2 * size * size), size);
}

/** Returns views of the fields in a block of the region. */
export function fieldsIn(block: Block, size: number): Fields {
	return split(block.as("f64"), size);
}

/** Returns the size of both fields, in bytes. */
export function bytesOfFields(size: number): number {
	return 2 * size * size * Float64Array.BYTES_PER_ELEMENT;
}

export function frameHeader(step: number, first: number, size: number): Uint32Array {
	return Uint32Array.of(step, first, size);
}

/** Returns the fields in a message, in place. They are valid until the message is released. */
export function frameOf(message: Message): { step: number; isFirst: boolean; fields: Fields } {
	const [step = 0, first = 0, size = 0] = message.as("u32");
	if (message.block?.length !== bytesOfFields(size))
		throw new Error(`The message of step ${step} has no fields`);
	return { step, isFirst: step === first, fields: fieldsIn(message.block, size) };
}

function split(doubles: Float64Array, size: number): Fields {
	const cells = size * size;
	return { size, u: doubles.subarray(0, cells), v: doubles.subarray(cells, 2 * cells) };
}
