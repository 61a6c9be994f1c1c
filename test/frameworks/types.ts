// What a strict compiler says of the packed package's types, all of which it looks at: nothing.
import { DhmemError, type Message, type Region, schema } from "dhmem";
import { Task } from "dhmem/workflow";

const point = schema({ x: "f32", id: "i64" });

export async function consume(task: Task): Promise<Message | undefined> {
	const region: Region = task.region;
	const id: bigint = region.struct("point", point).id;
	if (id < 0n) throw new DhmemError("DHMEM_CORRUPT", "no point");
	return await task.input("points").receive();
}

consume(Task.fromEnvironment());
