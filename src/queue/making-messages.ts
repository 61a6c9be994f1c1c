/** Makes messages: from what the core has described, or from blocks that came over a network. */
import {
	RECORD_BLOCK,
	RECORD_DATA,
	REFERENCE_BYTES,
	SLOT_RESULT,
	SLOT_RESULT_2,
	SLOT_RESULT_3,
	SLOT_RESULT_4,
	SLOT_RESULT_5,
} from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import type { Block } from "../memory/block.js";
import { type Holder, Message } from "./message.js";

/** Makes the message that the core has just described in the slot's results, with its payload at `offset`. */
export function describedMessage(
	attachment: Attachment,
	holder: Holder,
	index: number,
	offset: number,
): Message {
	const hold = attachment.result(SLOT_RESULT);
	const length = attachment.result(SLOT_RESULT_2);
	const kind = attachment.result(SLOT_RESULT_3);
	if (kind === RECORD_DATA) return new Message(attachment, holder, index, hold, offset, length);
	const large = kind !== RECORD_BLOCK;
	const block = attachment.result(SLOT_RESULT_4);
	const blockLength = attachment.result(SLOT_RESULT_5);
	const attached = { large, offset: block, length: blockLength };
	const at = large ? attachment.addressOf(block) : offset + REFERENCE_BYTES;
	const bytes = large ? blockLength : length - REFERENCE_BYTES;
	return new Message(attachment, holder, index, hold, at, bytes, attached);
}

/** A message that has come over a network, in blocks of this participant. */
interface Arrived {
	/** Undefined if the message is empty. */
	readonly data: Block | undefined;
	readonly length: number;
	/** The block that was handed over with the message. */
	readonly carried: Block | undefined;
}

/**
 * Makes a message of blocks of this participant. The holder frees them when the message is released.
 *
 * @param hold increases with each message
 * @param isLarge true if the message itself can be taken as a block
 */
export function messageInBlocks(
	attachment: Attachment,
	holder: Holder,
	hold: number,
	{ data, length, carried }: Arrived,
	isLarge: boolean,
): Message {
	const taken = carried ?? (isLarge ? data : undefined);
	const attached = taken && {
		large: carried === undefined,
		offset: taken.owned(attachment),
		length: taken.length,
	};
	// Any address will do for no bytes.
	const at = data === undefined ? 0 : attachment.addressOf(data.owned(attachment));
	return new Message(attachment, holder, hold, hold, at, length, attached);
}
