import * as dhmem from "dhmem";
import { DhmemError, type Message, type Region, schema } from "dhmem";
import { useAssets } from "dhmem/assets";
import plugin from "dhmem/esbuild";
import * as workflow from "dhmem/workflow";
// @ts-expect-error It has no types.
import { use } from "./use.mjs";

const point = schema({ x: "f32", id: "i64" });

export async function consume(task: workflow.Task): Promise<Message | undefined> {
	const region: Region = task.region;
	const id: bigint = region.struct("point", point).id;
	if (id < 0n) throw new DhmemError("DHMEM_CORRUPT", "no point");
	region.queue("points").consumer().readable({ objectMode: true });
	return await task.input("points").receive({ timeout: 1, signal: task.signal });
}

export const unused: unknown[] = [useAssets, plugin().setup, plugin.rollup().transform];
await use(dhmem, workflow);
