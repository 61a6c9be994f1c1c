/** A named object of each kind, with contents. */
import {
	KIND_MAP,
	KIND_MUTEX,
	KIND_QUEUE,
	KIND_RECORDS,
	KIND_STRUCT,
	KIND_VECTOR,
	OBJECT_DATA,
	OBJECT_TYPE,
	OK,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import { constructMailbox, keptIn, put as putLetter } from "./letters.js";
import { attach, CAPACITY, receive, sendBlock } from "./messages.js";
import { expect, isFilled, SMALL, type Stage } from "./stage.js";
import { countOf, elementsOf, entriesOf, push, put, takeOut } from "./tables.js";

export interface Specimen {
	/** Its name in the names of scenarios. */
	what: string;
	/** Makes it, empty, and leaves it open for `who`. Returns the object or FULL. */
	construct(who: Participant, name: string, nonce?: number): number;
	/** Puts something in. */
	fill(stage: Stage, who: Participant, object: number): void;
	/** Throws unless the contents are there and whole. Changes nothing. */
	check(who: Participant, object: number): void;
}

const ENTRIES = ["one", "two", "three", "four", "five"];

/** Runs `body` under the object's mutex. */
export function locked(who: Participant, object: number, body: () => void): void {
	expect(who.core.tryLock(who.me, object) >>> 0 === OK, "a mutex is not free");
	body();
	const status = who.core.unlock(who.me, object) >>> 0;
	expect(status === OK || status >= STATUS_LIMIT, `unlocking gave ${status}`);
}

const queue: Specimen = {
	what: "a queue with messages and blocks",
	construct: (who, name, nonce = 1) => who.construct(name, KIND_QUEUE, { capacity: CAPACITY, nonce }),
	fill: (stage, who, object) => {
		attach(who, object, "producer");
		expect(who.send(object, "one"), "no room");
		for (let i = 0; i < 2; i++) sendBlock({ ...stage, victim: who }, object);
		expect(who.send(object, "two"), "no room");
		who.core.end(who.me, object);
		who.core.detachProducer(who.me, object);
	},
	check: (who, object) => {
		attach(who, object, "consumer");
		const got = [0, 1, 2, 3].map(() => receive(who, object));
		const texts = got.map((message) => (typeof message === "number" ? message : message.text));
		const expected = `one,B+${SMALL},B+${SMALL},two`;
		expect(texts.join() === expected, `of ${expected} there is ${texts}`);
		who.core.detachConsumer(who.me, object);
	},
};

const records: Specimen = {
	what: "a queue of records",
	construct: (who, name, nonce = 1) => who.construct(name, KIND_RECORDS, { capacity: 64, nonce }),
	fill: (_stage, who, object) => {
		attach(who, object, "producer");
		who.core.recordsRoom(who.me, object);
		who.core.recordsPublish(who.me, object, 10);
		who.core.detachProducer(who.me, object);
	},
	check: (who, object) => {
		attach(who, object, "consumer");
		expect(who.core.recordsAvailable(who.me, object) === OK && who.result() === 10, "records are gone");
		who.core.detachConsumer(who.me, object);
	},
};

const mailbox: Specimen = {
	what: "a mailbox with messages and blocks",
	construct: (who, name, nonce = 1) => constructMailbox(who, name, 3, nonce),
	fill: (_stage, who, object) => {
		attach(who, object, "producer");
		for (const text of ["one", "two+", "three", "four+"]) expect(putLetter(who, object, text), "no room");
		who.core.mailboxEnd(who.me, object);
		who.core.detachProducer(who.me, object);
	},
	check: ({ world }, object) => {
		const texts = keptIn(world, object).join();
		expect(texts === "two+,three,four+", `what is kept is ${texts}`);
	},
};

/** Where the words of a struct's data and type are. */
function partsOf({ world }: Participant, object: number): [number, number] {
	return [OBJECT_DATA, OBJECT_TYPE].map((field) => world.words[(object + field) >> 2]) as [number, number];
}

const struct: Specimen = {
	what: "a struct",
	construct: (who, name, nonce = 1) => who.construct(name, KIND_STRUCT, { capacity: 300, type: 40, nonce }),
	fill: ({ world }, who, object) => {
		const [data, type] = partsOf(who, object);
		world.bytes.fill(0x5a, data, data + 300);
		world.bytes.fill(0x74, type, type + 40);
	},
	check: (who, object) => {
		const [data, type] = partsOf(who, object);
		expect(isFilled(who.world, data, 300, 0x5a), "a struct's data are not whole");
		expect(isFilled(who.world, type, 40, 0x74), "a struct's type is not whole");
	},
};

const mutex: Specimen = {
	what: "a mutex",
	construct: (who, name, nonce = 1) => who.construct(name, KIND_MUTEX, { nonce }),
	fill: () => {},
	check: (who, object) => locked(who, object, () => {}),
};

const vector: Specimen = {
	what: "a vector",
	construct: (who, name, nonce = 1) => who.construct(name, KIND_VECTOR, { nonce }),
	fill: (_stage, who, object) =>
		locked(who, object, () => {
			push(who, object, [1, 2, 3]);
		}),
	check: (who, object) => expect(elementsOf(who, object).join() === "1,2,3", "a vector is not whole"),
};

const map: Specimen = {
	what: "a map",
	construct: (who, name, nonce = 1) => who.construct(name, KIND_MAP, { nonce }),
	fill: (_stage, who, object) =>
		locked(who, object, () => {
			for (const key of ENTRIES) put(who, object, key, key.repeat(20));
			takeOut(who, object, "three");
		}),
	check: (who, object) => {
		const entries = new Map(entriesOf(who, object));
		expect(entries.size === 4 && countOf(who, object) === 4, `a map of 4 has ${entries.size}`);
		for (const [key, value] of entries) expect(value === key.repeat(20), `${key} has another value`);
	},
};

export const specimens = { queue, records, mailbox, struct, mutex, vector, map };
