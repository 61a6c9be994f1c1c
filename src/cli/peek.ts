/**
 * `dhmem recv --peek`: writes what waits in a queue. It does not join the region, so it disturbs no
 * participant.
 */

import type { Peeked } from "../inspect/peek.js";
import { localStruct } from "../memory/struct-view.js";
import { Region } from "../region.js";
import { bytesPer, type DType, type TypedArrayOf, typedArray } from "../values/dtypes.js";
import type { Schema } from "../values/schema.js";
import { readEnvironment } from "../workflow/environment.js";
import { linkName, noSuchPort } from "../workflow/links.js";
import {
	checkRecords,
	checkStructs,
	type FramingOptions,
	structLine,
	written,
	writtenRecords,
} from "./framing.js";
import { checkInTask, wrongNames } from "./link-end.js";
import { writeOut } from "./write-out.js";

export async function writePeeked(
	names: readonly string[],
	{ count = Number.POSITIVE_INFINITY, as, raw }: FramingOptions & { count?: number },
): Promise<void> {
	let left = count;
	for (const { type, pieces } of peekedAt(names)) {
		for (const piece of pieces) {
			if (left <= 0) return;
			if (type === undefined) {
				for (const part of written(piece, { as, raw })) await writeOut(part);
				left--;
			} else if (typeof type === "string") {
				checkRecords(type, as);
				const records = recordsIn(piece, type).subarray(0, left);
				await writeOut(writtenRecords(records, raw));
				left -= records.length;
			} else {
				checkStructs(as, raw);
				const lines = structLines(piece, type, left);
				await writeOut(lines.join(""));
				left -= lines.length;
			}
		}
	}
}

/** Peeks at a queue of a region, or at each link of an input of this task. */
function* peekedAt(names: readonly string[]): Generator<Peeked> {
	const [first, second, ...rest] = names;
	if (first === undefined || rest.length > 0) throw wrongNames();
	const { region, directory, queues } =
		second === undefined ? linksOf(first) : { region: first, directory: undefined, queues: [second] };
	using opened = Region.open(region, { directory, mode: "read-only" });
	for (const queue of queues) yield opened.peek(queue);
}

function linksOf(input: string) {
	checkInTask();
	const { region, directory, task, links } = readEnvironment(process.env);
	const ours = links.filter(({ link }) => link.to.task === task);
	const queues = ours.filter(({ local }) => local === input).map(({ link }) => linkName(link));
	if (queues.length > 0) return { region, directory, queues };
	throw noSuchPort("input", input, task, [...new Set(ours.map(({ local }) => local))]);
}

function recordsIn({ buffer, length }: Uint8Array, dtype: DType): TypedArrayOf<DType> {
	return typedArray(dtype, buffer as SharedArrayBuffer, 0, length / bytesPer(dtype));
}

/** The first `most` structs in a piece, as lines. */
function structLines(piece: Uint8Array, schema: Schema, most: number): string[] {
	const { struct, bytes } = localStruct(schema);
	const count = Math.min(piece.length / schema.size, most);
	return Array.from({ length: count }, (_, index) => {
		bytes.set(piece.subarray(index * schema.size, (index + 1) * schema.size));
		return structLine(struct);
	});
}
