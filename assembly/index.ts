/**
 * The core's exports, for hosts. Each is a pure function over the memory; `me` is a participant's number from
 * `join`. Results are offsets or status codes; status codes are smaller than STATUS_LIMIT. The core never
 * calls the host: if it needs the operating system, it returns a status.
 */

export { commitMany, peekMany, reserveMany } from "./batches";
export {
	allocate,
	allocateHandle,
	allocateObject,
	allocateShare,
	bytesOf,
	capacityOf,
	checkOwned,
	fileOffsetOf,
	largestFree,
	used,
} from "./blocks";
export { allocateBulk, largestFreeBulk } from "./bulk";
export { find, nextObject } from "./directory";
export {
	announceConsumer,
	announceProducer,
	attachConsumer,
	attachProducer,
	detachConsumer,
	detachProducer,
} from "./endpoints";
export { free, freeInternal } from "./free";
export { freeSaved, lookUp, save } from "./handles";
export { abandon, announceLock, isAnnounced, retractLock, ringNext, tryLock, unlock } from "./locks";
export { mailboxDrop, mailboxEnd, mailboxPut, mailboxTake } from "./mailbox";
export { mapDelete, mapEntry, mapFind, mapGrow, mapNeeds, mapPlaces, mapSet } from "./map";
export { construct, isNoted, open, openAt, remove, unpin } from "./objects";
export {
	abort,
	commit,
	commitBlock,
	end,
	peek,
	publish,
	release,
	releaseThrough,
	reserve,
	stage,
} from "./queue";
export { recordsAvailable, recordsEnd, recordsPublish, recordsRelease, recordsRoom } from "./records";
export { recover } from "./recovery";
export { format } from "./region";
export { cancel, committed } from "./requests";
export { addReference, share } from "./shares";
export { reclaim } from "./slabs";
export { join } from "./slots";
export { punched, trim } from "./trim";
export { moveVector, setVectorLength } from "./vector";
