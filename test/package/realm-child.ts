/**
 * Evaluates dhmem in a context of its own, which has nothing but what the language gives, as Jest and vitest's vm pools
 * do, and uses it with arrays and signals of the main one. With `--experimental-vm-modules`. Prints what it saw.
 *
 * The argument says where the loader is evaluated: `inside` that context too, or `outside`.
 */
import { readFileSync } from "node:fs";
import vm from "node:vm";
import { HEADER_BUSY } from "../../assembly/layout.js";
import type * as Dhmem from "../../src/index.js";
import type * as Workflow from "../../src/workflow/index.js";

const context = vm.createContext({ AbortController, structuredClone });
const loaderIsInside = process.argv[2] === "inside";
const modules = new Map<string, Promise<vm.Module>>();

async function load(specifier: string, from: string): Promise<vm.Module> {
	const url = specifier.startsWith(".") ? new URL(specifier, from).href : import.meta.resolve(specifier);
	const known = modules.get(url);
	if (known !== undefined) return known;
	const isInside = specifier.startsWith(".") || (loaderIsInside && specifier.startsWith("@assemblyscript"));
	const module = isInside ? inside(url) : outside(url);
	modules.set(url, module);
	return module;
}

async function inside(url: string): Promise<vm.Module> {
	return new vm.SourceTextModule(readFileSync(new URL(url), "utf8"), {
		identifier: url,
		context,
		initializeImportMeta: (meta) => Object.assign(meta, { url }),
	});
}

async function outside(url: string): Promise<vm.Module> {
	const namespace = (await import(url)) as Record<string, unknown>;
	const names = Object.keys(namespace);
	return new vm.SyntheticModule(
		names,
		function (this: vm.SyntheticModule) {
			for (const name of names) this.setExport(name, namespace[name]);
		},
		{ context },
	);
}

async function evaluate<T>(path: string): Promise<T> {
	const module = await load(path, import.meta.url);
	await module.link((specifier, parent) => load(specifier, parent.identifier));
	await module.evaluate();
	return module.namespace as T;
}

async function codeOf(call: () => unknown): Promise<unknown> {
	try {
		return await call();
	} catch (error) {
		return (error as { code?: unknown }).code ?? error;
	}
}

const { Block, DhmemError, HeldLock, Message, Producer, Region, Reservation } =
	await evaluate<typeof Dhmem>("../../src/index.js");
const { Task } = await evaluate<typeof Workflow>("../../src/workflow/index.js");
const seen: Record<string, unknown> = {};

const region = Region.temporary({ size: "16MiB" });
seen.otherRealm = !(new DhmemError("DHMEM_CLOSED", "") instanceof Error);
seen.notFound = await codeOf(() => Region.open("not-there", { mode: "open" }));
seen.noFolder = await codeOf(() => Region.list({ directory: "/not-there" }));
seen.noFile = await codeOf(() => Region.unlink("not-there"));

// What compilers make of `using` looks for this where the realm has no Symbol.dispose.
const dispose: typeof Symbol.dispose = vm.runInContext(
	'Symbol.dispose ?? Symbol.for("Symbol.dispose")',
	context,
);
seen.disposed = await codeOf(() => {
	const other = Region.open(region.name);
	other[dispose]();
	return other.entries();
});
seen.undisposed = [Region, Block, HeldLock, Message, Producer, Reservation, Task].filter(
	({ prototype }) => !(dispose in prototype) || "undefined" in prototype,
);

const queue = region.queue("queue");
const producer = queue.producer();
const consumer = queue.consumer({ signal: new AbortController().signal });
const late = consumer.receive({ timeout: 10_000 });
await producer.send(Float64Array.of(1.5, 2.5));
seen.message = Array.from((await late)?.as("f64") ?? []);
producer.sendMany(["text", new Uint8Array([65]), new DataView(new ArrayBuffer(1))]);
seen.lengths = consumer.receiveMany(3).map((message) => message.length);
seen.timeout = await codeOf(() => consumer.receive({ timeout: 1 }));
seen.reason = await codeOf(() => consumer.receive({ signal: AbortSignal.abort("my own reason") }));
seen.noSignal = await codeOf(() => consumer.receive({ signal: {} as AbortSignal }));
const controller = new AbortController();
const waiting = codeOf(() => consumer.receive({ signal: controller.signal }));
controller.abort("another reason");
seen.laterReason = await waiting;

const records = region.queue("records", { record: "u8" });
const pushing = records.producer();
seen.pushed = [pushing.pushMany(Uint8Array.of(1, 2)), pushing.pushMany(Buffer.from([3])), pushing.push(4)];
seen.otherKind = await codeOf(() => pushing.pushMany(Int8Array.of(1) as unknown as Uint8Array));
const popping = records.consumer();
const into = new Uint8Array(2);
seen.popped = [popping.popInto(into), ...into, popping.pop(), popping.pop()];

const map = region.map("map", { key: "string", value: "bytes" });
seen.map = Array.from(map.set("key", Uint8Array.of(7)).get("key") ?? []);
const vector = region.vector("vector", "u64");
vector.push(1n);
seen.vector = [String([...vector]), await codeOf(() => vector.push(1 as unknown as bigint))];
seen.array = Array.from(
	region.array("array", { dtype: "f32", shape: [2], initial: Float32Array.of(1, 2) }).data,
);
const handle = region.save(region.struct("struct", { a: "f64" }, { initial: { a: 4 } }));
seen.struct = region.load(handle).a;
seen.badHandle = await codeOf(() => region.load("not a handle"));

const mutex = region.mutex("mutex");
const held = await mutex.lock();
seen.lockedTwice = await codeOf(() => mutex.lock({ timeout: 1 }));
await region.condition("condition").wait(held, { until: () => true });
held.unlock();

const task = Task.fromEnvironment({
	DHMEM_REGION: region.name,
	DHMEM_TASK: "a",
	DHMEM_LINKS: "out=a.out>b.in",
});
await task.output("out").send(Buffer.from("x"), { signal: new AbortController().signal });
seen.noInput = await codeOf(() => task.input("nothing"));
task.close();

// What a peer may have written makes the core trap; the trap is an error of the loader's realm. Nobody removes a
// region whose header can't be true, so its name goes first.
const hostile = Region.temporary({ size: "1MiB" });
hostile.unlink();
new Uint32Array(hostile.allocate(64).bytes.buffer)[HEADER_BUSY >> 2] = 0xffff_fff1;
seen.trap = await codeOf(() => hostile.allocate(100_000));

region.close();
console.log(JSON.stringify(seen));
