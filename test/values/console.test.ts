/** What `console.log` shows of dhmem's objects. */
import { inspect } from "node:util";
import * as dhmem from "dhmem";
import * as workflow from "dhmem/workflow";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("inspect");

/** One object at least of every class that users meet, and what is shown of it. */
function objectsOf(region: dhmem.Region, task: workflow.Task): [object, RegExp][] {
	const queue = region.queue("steps");
	const records = region.queue("numbers", { record: "f64" });
	const structs = region.queue("structs", { record: { id: "u32", x: "f64" } });
	const latest = region.queue("latest", { policy: "latest" });
	const producer = queue.producer();
	const consumer = queue.consumer();
	producer.trySend("a message");
	const message = consumer.tryReceive();
	const mutex = region.mutex("mutex");
	const held = mutex.lockSync();
	const array = region.array("array", { dtype: "f64", shape: [2, 3] });
	return [
		[region, /^Region \{ name: "temporary-.*", path: ".*", size: 16777216, closed: (false|true) \}$/],
		[queue, /^Queue \{ name: "steps" \}$/],
		[latest, /^Queue \{ name: "latest" \}$/],
		[records, /^RecordQueue \{ name: "numbers", record: "f64" \}$/],
		[producer, /^Producer \{ queue: "steps", ended: false, closed: (false|true) \}$/],
		[consumer, /^Consumer \{ queue: "steps", ended: false, closed: (false|true) \}$/],
		[latest.producer(), /^Producer \{ queue: "latest", .* \}$/],
		[latest.consumer(), /^Consumer \{ queue: "latest", .* \}$/],
		[records.producer(), /^RecordProducer \{ queue: "numbers", .* \}$/],
		[records.consumer(), /^RecordConsumer \{ queue: "numbers", .* \}$/],
		[structs, /^StructQueue \{ name: "structs".* \}$/],
		[structs.producer(), /^StructProducer \{ queue: "structs", .* \}$/],
		[structs.consumer(), /^StructConsumer \{ queue: "structs", .* \}$/],
		[message as dhmem.Message, /^Message \{ length: 9, released: (false|true) \}$/],
		[producer.tryReserve(8) as dhmem.Reservation, /^Reservation \{ length: 8, open: (false|true) \}$/],
		[
			region.queue("batches").producer().tryReserveMany(8, 3) as dhmem.BatchReservation,
			/^BatchReservation \{ count: 3, open: (false|true) \}$/,
		],
		[region.allocate(100), /^Block \{ length: 100, owner: "participant" \}$/],
		[region.save(array), /^Handle \{ token: "[\w-]+" \}$/],
		[dhmem.schema({ a: "f64" }), /^Schema \{ a: f64 \}$/],
		[array, /^SharedArray \{ name: "array", dtype: "f64", shape: \[ 2, 3 \] \}$/],
		[region.vector("vector", "u32"), /^Vector \{ name: "vector", dtype: "u32" \}$/],
		[region.map("map", { key: "string", value: "f64" }), /^SharedMap \{ name: "map" \}$/],
		[mutex, /^Mutex \{ name: "mutex" \}$/],
		[held, /^HeldLock \{ mutex: "mutex", held: (false|true), abandoned: false \}$/],
		[region.condition("line\nbreak"), /^Condition \{ name: "line\\nbreak" \}$/],
		[new dhmem.DhmemError("DHMEM_CLOSED", "gone"), /^DhmemError: gone/],
		[task, /^Task \{ name: "a", region: ".*" \}$/],
		[task.input("in"), /^Input \{ name: "in", ended: false \}$/],
		[task.output("out"), /^Output \{ name: "out" \}$/],
	];
}

function classesOf(module: object): string[] {
	return Object.entries(module)
		.filter(([, value]) => typeof value === "function" && /^class /.test(String(value)))
		.map(([name]) => name);
}

test("the console shows every object in one line, and in short JSON, also when it is closed", () => {
	const region = dhmem.Region.temporary({ size: "16MiB" });
	const task = workflow.Task.fromEnvironment({
		DHMEM_REGION: region.name,
		DHMEM_TASK: "a",
		DHMEM_LINKS: "out=a.out>b.in,in=b.out>a.in",
	});
	const objects = objectsOf(region, task);
	for (const [object, line] of objects) {
		assert.match(inspect(object, { colors: true }), line);
		// As loggers write it.
		const json = JSON.stringify(object);
		assert.ok(json.length < 500, `${line} is ${json.length} characters of JSON`);
	}
	task.close();
	region.close();
	for (const [object, line] of objects) assert.match(inspect(object), line);

	const all = { ...dhmem, ...workflow } as Record<string, unknown>;
	const shown = objects.map(([object]) => object);
	for (const name of [...classesOf(dhmem), ...classesOf(workflow)]) {
		const isOf = (object: object) => object instanceof (all[name] as new () => object);
		assert.ok(shown.some(isOf), `${name} is tested here`);
	}
});

test("imitations of dhmem's objects are shown without an error", () => {
	for (const each of [dhmem.Region, dhmem.Queue, dhmem.Block, dhmem.Message, dhmem.HeldLock]) {
		assert.ok(inspect(each.prototype));
		assert.ok(inspect(Object.create(each.prototype)));
	}
});

test.run();
