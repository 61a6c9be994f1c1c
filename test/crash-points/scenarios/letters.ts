/** Putting messages into a mailbox and taking them out, for every scenario with a mailbox. */
import {
	EMPTY,
	ENDED,
	FULL,
	KIND_MAILBOX,
	MAILBOX_OLDEST,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OK,
	PLACE_KEPT,
	PLACE_STATE,
	QUEUE_HEAD,
	QUEUE_TAIL,
	RECORD_BLOCK,
	RECORD_HEADER,
	REFERENCE_BYTES,
	SLOT_RESULT_2,
	SLOT_RESULT_3,
	SLOT_RESULT_4,
	SLOT_RESULT_5,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import type { Participant, World } from "../world.js";
import { attach } from "./messages.js";
import { expect, isFilled, SMALL } from "./stage.js";

/** Makes a mailbox that keeps this many messages, as the binding does; or returns FULL. */
export function constructMailbox(who: Participant, name: string, kept: number, nonce = 1): number {
	const capacity = 2 ** Math.ceil(Math.log2(kept + 2));
	return who.construct(name, KIND_MAILBOX, { capacity, requested: kept, bytes: 8 * capacity, nonce });
}

/** A message to send: its envelope, the length of its contents, and the block that goes with it, or 0. */
interface Letter {
	envelope: number;
	length: number;
	block: number;
}

/** Makes the envelope for `text`; undefined if there is no room. A text that ends with "+" gets a block. */
function write(who: Participant, text: string): Letter | undefined {
	const { bytes } = who.world;
	const length = (text.endsWith("+") ? REFERENCE_BYTES : 0) + text.length;
	const envelope = who.allocate(RECORD_HEADER + length);
	if (envelope === FULL) return undefined;
	bytes.set(Buffer.from(text), envelope + RECORD_HEADER + length - text.length);
	if (!text.endsWith("+")) return { envelope, length, block: 0 };
	const block = who.allocate(SMALL);
	if (block === FULL) {
		who.free(envelope);
		return undefined;
	}
	bytes.fill(0xee, block, block + SMALL);
	return { envelope, length, block };
}

/** Sends `text`, and calls `begin` before it is put and `end` after. False if there was no room for it in the region. */
export function put(
	who: Participant,
	mailbox: number,
	text: string,
	begin = () => {},
	end = (_doorbell: number) => {},
): boolean {
	const letter = write(who, text);
	if (letter === undefined) return false;
	const { envelope, length, block } = letter;
	begin();
	const { core, me } = who;
	const status = core.mailboxPut(me, mailbox, envelope, length, block, block === 0 ? 0 : SMALL) >>> 0;
	expect(status === OK || status >= STATUS_LIMIT, `putting gave ${status}`);
	end(status);
	expect(who.free(envelope) !== OK, "what was sent could be freed");
	return true;
}

/** Takes a message, or returns a status. */
export function take(
	who: Participant,
	mailbox: number,
): { text: string; envelope: number; block: number } | number {
	const { core, me, world } = who;
	const at = core.mailboxTake(me, mailbox) >>> 0;
	if (at < STATUS_LIMIT) return at;
	const envelope = who.result();
	const length = who.result(SLOT_RESULT_2);
	const isBlock = who.result(SLOT_RESULT_3) === RECORD_BLOCK;
	const block = isBlock ? who.result(SLOT_RESULT_4) : 0;
	const from = at + (isBlock ? REFERENCE_BYTES : 0);
	const text = Buffer.from(world.bytes.slice(from, at + length)).toString();
	const filled = block === 0 || isFilled(world, core.bytesOf(block) >>> 0, who.result(SLOT_RESULT_5), 0xee);
	expect(filled && (block !== 0) === text.endsWith("+"), `the block of ${text} is torn`);
	return { text, envelope, block };
}

/** The texts of the kept messages, read in place. */
export function keptIn({ words, bytes }: World, mailbox: number): string[] {
	const word = (at: number) => words[at >> 2] as number;
	const [data, places] = [word(mailbox + OBJECT_DATA), word(mailbox + OBJECT_CAPACITY)];
	const texts: string[] = [];
	for (let position = word(mailbox + MAILBOX_OLDEST); position !== word(mailbox + QUEUE_TAIL); position++) {
		const place = word(data + 8 * (position % places));
		if ((place & PLACE_STATE) !== PLACE_KEPT) continue;
		const envelope = place & ~PLACE_STATE;
		const beside = RECORD_HEADER + (word(envelope + 4) === RECORD_BLOCK ? REFERENCE_BYTES : 0);
		const text = bytes.slice(envelope + beside, envelope + RECORD_HEADER + word(envelope));
		texts.push(Buffer.from(text).toString());
	}
	return texts;
}

/** Frees a message that was taken. */
export function discard(who: Participant, { envelope, block }: { envelope: number; block: number }): void {
	for (const each of block === 0 ? [envelope] : [envelope, block])
		expect(who.free(each) === OK, "what was taken could not be freed");
}

/** Takes and frees all messages; attaches and detaches if `who` is not the consumer. */
export function takeAll(who: Participant, mailbox: number, attached = false): string[] {
	if (!attached) attach(who, mailbox, "consumer");
	const texts: string[] = [];
	for (let turn = 0; ; turn++) {
		expect(turn < 1000, "a mailbox without an end");
		const letter = take(who, mailbox);
		if (typeof letter === "object") {
			texts.push(letter.text);
			discard(who, letter);
			continue;
		}
		expect(letter === EMPTY || letter === ENDED, `taking gave ${letter}`);
		if (letter === EMPTY) break;
		texts.push("end");
	}
	if (!attached) who.core.detachConsumer(who.me, mailbox);
	return texts;
}

/** Checks that the mailbox, which is empty, still works with all of its places. */
export function tryOutMailbox(who: Participant, mailbox: number, kept: number): void {
	attach(who, mailbox, "producer");
	const texts = Array.from({ length: 3 * kept + 9 }, (_, i) => (i % 2 === 0 ? `${i}+` : `${i}`));
	let sent = texts
		.filter((text) => put(who, mailbox, text))
		.slice(-kept)
		.join();
	let got = takeAll(who, mailbox).join();
	expect(got === sent, `of what was sent, ${sent} was to be kept, and ${got} came`);
	who.core.mailboxEnd(who.me, mailbox);
	sent = "end";
	got = takeAll(who, mailbox).join();
	expect(got === sent, `the end is ${got}`);
	who.core.detachProducer(who.me, mailbox);
}

/** Sets the positions of an empty mailbox to `position`. */
export function moveMailboxTo({ words }: World, mailbox: number, position: number): void {
	for (const field of [QUEUE_TAIL, QUEUE_HEAD, MAILBOX_OLDEST]) words[(mailbox + field) >> 2] = position;
}
