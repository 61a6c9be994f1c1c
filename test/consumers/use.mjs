// What a program does with dhmem: two processes exchange a message and a block. Run with an argument, it is the second.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";

export async function use(dhmem, workflow) {
	const [, program, name] = process.argv;
	assert.equal(typeof workflow.Task.fromEnvironment, "function");
	if (name !== undefined) return answer(dhmem, name);
	const region = dhmem.Region.open(`consumer-${process.pid}`, { size: "16MiB", mode: "create" });
	try {
		const consumer = region.queue("answers").consumer({ timeout: 30_000 });
		const block = region.allocate(800);
		block.as("f64").fill(1.5);
		await region.queue("questions").producer().send("sum", { block });
		const child = spawn(process.execPath, [...process.execArgv, program, region.name], { stdio: "inherit" });
		assert.equal((await consumer.receive()).text(), "sum: 150");
		assert.equal(await new Promise((resolve) => child.on("exit", resolve)), 0);
	} finally {
		region.unlink();
		region.close();
	}
	console.log("right");
}

async function answer({ Region }, name) {
	const region = Region.open(name, { mode: "open" });
	const message = await region.queue("questions").consumer().receive({ timeout: 30_000 });
	const sum = message.block.as("f64").reduce((a, b) => a + b);
	await region.queue("answers").producer().send(`${message.text()}: ${sum}`);
	region.close();
}
