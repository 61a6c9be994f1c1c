/** Everything of a closed region, or of a closed endpoint. */
import type { Message, Producer } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eachInFolder, limitedTest } from "../fixture/index.js";
import { outcome, things } from "../values/wrong.js";
import { publicMembers } from "./public-members.js";
import { open } from "./stage.js";

eachInFolder();

/** Public members that only say what is known, or may be called at any time. */
const quiet: Record<string, string[]> = {
	Region: ["name", "path", "size", "close", "dispose", "unlink"],
	Queue: ["name"],
	RecordQueue: ["name", "dtype"],
	// The streams can be had, and fail when they are used.
	RingProducer: ["close", "closed", "dispose", "toJSON", "writable"],
	RingConsumer: ["close", "closed", "dispose", "ended", "toJSON", "readable"],
	Mailbox: ["name"],
	MailboxProducer: ["close", "closed", "dispose", "toJSON", "writable"],
	MailboxConsumer: ["close", "closed", "dispose", "ended", "toJSON", "readable"],
	RecordProducer: ["capacity", "close", "closed", "dispose", "toJSON"],
	RecordConsumer: ["capacity", "close", "closed", "dispose", "ended", "toJSON"],
	Block: ["dispose", "kind", "length"],
	Message: ["dispose", "length", "release", "released", "block"],
	Reservation: ["abort", "dispose", "length", "open"],
	Vector: ["name", "dtype", "kind"],
	SharedMap: ["name", "kind"],
	Mutex: ["name", "kind"],
	Condition: ["name", "kind"],
	HeldLock: ["mutex", "held", "unlock", "dispose", "abandoned"],
	SharedArray: ["name", "dtype", "shape", "strides", "data", "length", "get", "set", "kind"],
};

/** The arguments for members that need some. */
const parameters: Record<string, unknown[]> = {
	allocate: [8],
	queue: ["x"],
	struct: ["x", { a: "f64" }],
	array: ["x", { dtype: "f64", shape: [2] }],
	vector: ["x", "f64"],
	map: ["x", { key: "string", value: "f64" }],
	mutex: ["x"],
	condition: ["x"],
	remove: ["x"],
	trySend: ["x"],
	sendSync: ["x"],
	send: ["x"],
	sendMany: [["x"]],
	tryReserve: [8],
	tryReserveMany: [8, 2],
	poll: [() => undefined],
	copyTo: [new Uint8Array(1)],
	writeBigInt64LE: [1n],
	writeBigInt64BE: [1n],
	writeBigUInt64LE: [1n],
	writeBigUInt64BE: [1n],
	receiveMany: [5],
	batches: [5],
	push: [1],
	pushMany: [new Int32Array(2)],
	popInto: [new Int32Array(2)],
	as: ["u8"],
	resize: [5],
	at: [0],
	has: ["k"],
	delete: ["k"],
};

const special: Record<string, unknown[]> = {
	"SharedMap.get": ["k"],
	"SharedMap.set": ["k", 1],
	"SharedMap.update": ["k", () => 1],
	"SharedArray.get": [0],
	"SharedArray.set": [0, 1],
	"Vector.set": [0, 1],
	"RingProducer.wait": [8],
	"RingProducer.waitSync": [8],
	"MailboxProducer.wait": [8],
	"MailboxProducer.waitSync": [8],
};

for (const closing of ["the region", "the end"]) {
	limitedTest(
		`after ${closing} is closed, every member of every class throws DHMEM_CLOSED or does nothing`,
		async () => {
			const region = open();
			const all = things(region);
			const { producer, consumer, pushing, popping, block } = all;
			for (let i = 0; i < 5; i++) producer.trySend(`message ${i}`);
			for (let i = 1; i <= 10; i++) pushing.push(i);
			popping.pop();
			const message = consumer.tryReceive() as Message;
			const slot = producer.tryReserve(100) as NonNullable<ReturnType<Producer["tryReserve"]>>;
			const mailbox = region.queue("mailbox", { policy: "drop-oldest" });
			const putting = mailbox.producer();
			const taking = mailbox.consumer();
			for (let i = 0; i < 5; i++) putting.trySend(`message ${i}`);
			const letter = taking.tryReceive() as Message;
			const vector = region.vector("v", "f64");
			vector.push(1, 2, 3);
			const map = region.map("m", { key: "string", value: "f64" });
			map.set("k", 1);
			const mutex = region.mutex("mutex");
			const held = mutex.lockSync();
			const condition = region.condition("condition");
			const handle = region.save(region.allocate(8));
			const objects: object[] =
				closing === "the end"
					? [producer, consumer, pushing, popping, putting, taking, slot, message, letter]
					: [
							region,
							all.queue,
							all.records,
							mailbox,
							producer,
							consumer,
							pushing,
							popping,
							putting,
							taking,
							block,
							slot,
							message,
							letter,
							vector,
							map,
							mutex,
							held,
							condition,
							region.array("a", { dtype: "f64", shape: [3] }),
						];
			if (closing === "the region") region.close();
			else for (const end of [producer, consumer, pushing, popping, putting, taking]) end.close();
			const failures: string[] = [];
			let called = 0;
			for (const object of objects) {
				const name = object.constructor.name;
				const forUsers = publicMembers(name);
				const names = new Set<string | symbol>(Object.getOwnPropertyNames(object));
				for (
					let type = Object.getPrototypeOf(object);
					type !== Object.prototype;
					type = Object.getPrototypeOf(type)
				) {
					for (const member of Reflect.ownKeys(type)) names.add(member);
				}
				for (const member of names) {
					const text = typeof member === "symbol" ? String(member.description).replace(/.*[. ]/, "") : member;
					if (!forUsers.has(text)) continue;
					called++;
					let result: string;
					try {
						result = await outcome(() => {
							const value = (object as Record<string | symbol, unknown>)[member];
							if (typeof value !== "function") return value;
							let given = special[`${name}.${text}`] ?? parameters[text] ?? [];
							if (text === "save") given = [block];
							if (text === "load") given = [handle];
							if (name === "Condition") given = [held, { until: () => true }];
							const returned: unknown = value.apply(object, given);
							const iterator = returned as { next?: () => unknown } | undefined;
							return typeof iterator?.next === "function" ? iterator.next() : returned;
						});
					} catch (error) {
						result = String(error);
					}
					const expected = quiet[name]?.includes(text) ? "nothing" : "DHMEM_CLOSED";
					if (result !== expected) failures.push(`${name}.${text} gave ${result}`);
				}
			}
			assert.equal(failures, []);
			assert.ok(called > (closing === "the end" ? 40 : 100), `${called} members`);
		},
	);
}

test.run();
