// In Deno, without some of the rights that it takes: the error names the flags.
import assert from "node:assert/strict";
import { Region } from "dhmem";
import { Task } from "dhmem/workflow";

const variables = { DHMEM_REGION: "denied", DHMEM_TASK: "a", DHMEM_LINKS: "" };
const wanted = {
	code: "DHMEM_PERMISSION",
	message: /--allow-ffi --allow-read --allow-write --allow-env --allow-sys/,
};
for (const call of [
	() => Region.open("denied"),
	() => Region.temporary(),
	() => Region.list(),
	() => Region.unlink("denied"),
	() => Task.fromEnvironment(variables),
]) {
	assert.throws(call, wanted);
}
