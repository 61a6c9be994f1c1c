/**
 * The layout of a region: every offset, size and code that several files need.
 *
 * AssemblyScript and TypeScript both compile this file, so each constant is defined once. (`src/globals.d.ts`
 * declares u32 for TypeScript.) Offsets are in bytes; `…_SHIFT` are powers of two.
 *
 * ```text
 *  0        4 KiB        132 KiB                                            heap, a multiple of 64 KiB
 *  ┌────────┬────────────┬──────┬───────────┬────────┬─────────┬────────────┬───────────┬────────┬──────
 *  │ header │ 128 slots  │ busy │ committed │ owned  │ buckets │ touched    │ descriptors available owners │ spans …
 *  └────────┴────────────┴──────┴───────────┴────────┴─────────┴────────────┴───────────┴────────┴──────
 *             a KiB each   1 bit per span    1 bit per  8 B each  1 bit per    16 B per  64 bits   1 KiB
 *                                            4 spans              slot & span  span      per span  per span
 * ```
 *
 * The number of spans determines the size of everything behind the slots, so a small region has small tables.
 * The file is sparse: a table's pages are committed before they are first written (see `REQUEST_…`).
 */

// ---------------------------------------------------------------------------------------------- header

/** The first eight bytes, little-endian: "dhmem", and three bytes that a text-mode copy would change. */
export const MAGIC_LOW: u32 = 0x656d6864;
export const MAGIC_HIGH: u32 = 0x0a1a0d6d;
export const LAYOUT_VERSION: u32 = 3;

export const HEADER_BYTES: u32 = 4096;
export const HEADER_MAGIC: u32 = 0; //                 u64
export const HEADER_VERSION: u32 = 8; //               u32: each layout has its own version
export const HEADER_FEATURES: u32 = 12; //             u32: a program may ignore bits here that it does not know
export const HEADER_FEATURES_WRITE: u32 = 16; //       u32: a program that does not know a bit here may only read
export const HEADER_FEATURES_ALL: u32 = 20; //         u32: such a program must not even open the region
export const HEADER_IDENTITY: u32 = 24; //             u64: random; handles contain it
export const HEADER_SPANS: u32 = 32; //                u32: spans in the region, including those of the tables
export const HEADER_LIFETIME: u32 = 36; //             u32: LIFETIME_…
export const HEADER_HEAP: u32 = 40; //                 u32: the first span of the heap
export const HEADER_BUSY: u32 = 44; //                 u32: offset of each table, from here to OWNERS
export const HEADER_COMMITTED: u32 = 48;
export const HEADER_OWNED: u32 = 52;
export const HEADER_BUCKETS: u32 = 56;
export const HEADER_BUCKET_MASK: u32 = 60; //          u32: number of buckets less one
export const HEADER_TOUCHED: u32 = 64;
export const HEADER_TOUCHED_BYTES: u32 = 68; //        u32: bytes of one slot's bitmap
export const HEADER_DESCRIPTORS: u32 = 72;
export const HEADER_AVAILABLE: u32 = 76;
export const HEADER_OWNERS: u32 = 80;
/** The bulk space: the number of its spans, 0 for none, and the offset of their states. */
export const HEADER_BULK_SPANS: u32 = 84; //           u32
export const HEADER_BULK_STATES: u32 = 88; //          u32
/** Reserved, and 0. */
export const HEADER_BULK_BUSY: u32 = 92; //            u32
export const HEADER_BULK_COMMITTED: u32 = 96; //       u32
/**
 * u32, a word of the header that changes: descriptors of the spans below this number are committed.
 */
export const HEADER_READY: u32 = 128;
/** u32: the states of the bulk spans below this number are committed; it changes too. */
export const HEADER_BULK_READY: u32 = 132;

export const LIFETIME_PERSISTENT: u32 = 0;
export const LIFETIME_LAST_CLOSE: u32 = 1;

// ------------------------------------------------------------------------------------------------ slots

export const SLOTS: u32 = 128;
export const SLOTS_START: u32 = 4096;
export const SLOT_BYTES: u32 = 1024;
/**
 * u32: the participant that has the slot, `generation << 8 | slot + 1`; 0 if the slot is free. This number
 * identifies the participant everywhere, so a participant that was declared dead is never mistaken for its
 * successor.
 */
export const SLOT_ID: u32 = 0;
/** u32: the last generation that was given out. */
export const SLOT_GENERATION: u32 = 4;
/** What the core asks the host to commit: two ranges, and their kind. Only the slot's holder writes it. */
export const SLOT_REQUEST: u32 = 16; //                u32: REQUEST_…
export const SLOT_REQUEST_FIRST: u32 = 20; //          u32: first span
export const SLOT_REQUEST_COUNT: u32 = 24; //          u32: spans
export const SLOT_REQUEST_OFFSET: u32 = 28; //         u32: a range to commit
export const SLOT_REQUEST_LENGTH: u32 = 32; //         u32
export const SLOT_REQUEST_OFFSET_2: u32 = 36; //       u32: a second one, if its length is not 0
export const SLOT_REQUEST_LENGTH_2: u32 = 40; //       u32
/** Further results of an operation, besides its return value. */
export const SLOT_RESULT: u32 = 44; //                 u32
export const SLOT_RESULT_2: u32 = 48; //               u32
export const SLOT_RESULT_3: u32 = 52; //               u32
export const SLOT_RESULT_4: u32 = 56; //               u32
export const SLOT_RESULT_5: u32 = 60; //               u32
/** The intent record: the change that the holder has half done, unless INTENT is INTENT_NONE. */
export const SLOT_INTENT: u32 = 64; //                 u32: INTENT_…
export const SLOT_INTENT_A: u32 = 68; //               u32
export const SLOT_INTENT_B: u32 = 72; //               u32
export const SLOT_INTENT_C: u32 = 76; //               u32
export const SLOT_INTENT_D: u32 = 80; //               u32
export const SLOT_INTENT_E: u32 = 84; //               u32
/**
 * u32: changes when the holder should check the state again. It has its own cache lines, because others write
 * it.
 */
export const SLOT_DOORBELL: u32 = 128;
/** How the holder sleeps. 0 is the same as SLEEP_FUTEX. */
export const SLOT_SLEEP: u32 = 132; //                 u32: SLEEP_…
/** The number of the pipe that wakes the holder's event loop; 0 if there is none. */
export const SLOT_PIPE: u32 = 136; //                  u64
export const SLOT_LABEL: u32 = 256; //                 UTF-8, zero-terminated
export const LABEL_BYTES: u32 = 128;
/** u32: when the participant joined, in seconds of Unix time. */
export const SLOT_JOINED: u32 = 384;
/** For each size class: the span to allocate from (0 for none), and the block to try first. */
export const SLOT_CURRENT: u32 = 512; //               64 × { span: u32, block: u32 }
export const CURRENT_SHIFT: u32 = 3;
export const CURRENT_SPAN: u32 = 0;
export const CURRENT_BLOCK: u32 = 4;

/** A thread of the holder sleeps on the doorbell. */
export const SLEEP_FUTEX: u32 = 1;
/** The holder's event loop sleeps on its pipe. */
export const SLEEP_PIPE: u32 = 2;
/** Set by a ringer that could not reach the pipe: the holder will sleep on the doorbell. */
export const SLEEP_UNREACHABLE: u32 = 4;

export const REQUEST_NONE: u32 = 0;
/** Commit pages of claimed spans, and of the owner bytes of the first span. */
export const REQUEST_SPANS: u32 = 1;
/** Commit pages of descriptors, up to span `first + count`. */
export const REQUEST_DESCRIPTORS: u32 = 2;
/** Commit pages of the bulk spans from `first` on. */
export const REQUEST_BULK: u32 = 3;
/** Commit pages of the states of bulk spans, up to `first + count`. */
export const REQUEST_BULK_TABLES: u32 = 4;
/** Give pages back: those of the range, or, if its length is 0, those of the bulk spans from `first` on. */
export const REQUEST_PUNCH: u32 = 5;

export const INTENT_NONE: u32 = 0;
/** Claiming or giving back the run of `b` spans from span `a`. */
export const INTENT_RUN: u32 = 1;
/** Making span `a` a slab of class `b`. */
export const INTENT_SLAB: u32 = 2;
/** Giving back slab span `a`, all of whose blocks are the holder's. */
export const INTENT_RETIRE: u32 = 3;
/** Putting object `a` into the directory. */
export const INTENT_INSERT: u32 = 4;
/** Sending block `c` through queue `a` in the record at position `b`. */
export const INTENT_SEND: u32 = 5;
/** Taking block `c` out of the record at position `b` of queue `a`. */
export const INTENT_TAKE: u32 = 6;
/** Giving block `a` to the region under handle `b`. */
export const INTENT_SAVE: u32 = 7;
/** Freeing block `a`, saved under handle `b`. */
export const INTENT_UNSAVE: u32 = 8;
/**
 * Replacing block `c` by block `b` in the word at `a` of object `d`, and then setting the object's count to
 * `e`.
 */
export const INTENT_REPLACE: u32 = 9;
/** Putting block `a` into share `b`. */
export const INTENT_SHARE: u32 = 10;
/** Freeing reference `a`. */
export const INTENT_UNSHARE: u32 = 11;
/** Freeing object `a`, which was removed, unless it is still open somewhere. */
export const INTENT_DISPOSE: u32 = 12;
/** Putting envelope `c` into mailbox `a` at position `b`, and dropping messages that are too old. */
export const INTENT_PUT: u32 = 13;
/** Claiming envelope `c` at position `b` of mailbox `a`. */
export const INTENT_CLAIM: u32 = 14;
/** Dropping the message at position `b` of mailbox `a`. */
export const INTENT_DROP: u32 = 15;
/** Claiming or giving back the `b` bulk spans from `a` on, for the bulk block `c`, or for none if it is 0. */
export const INTENT_BULK: u32 = 16;
/** Ending the stream of queue `a` at position `b`, when consumers had read `c` ends. */
export const INTENT_END: u32 = 17;

// ------------------------------------------------------------------------------------------------ spans

export const SPAN_SHIFT: u32 = 16;
export const SPAN_BYTES: u32 = 65536;
/** The number of spans whose descriptors are committed together. Their availability bits fill two pages. */
export const READY_STEP: u32 = 1024;
/** The most spans that one request commits: 16 MiB. */
export const COMMIT_SPANS: u32 = 256;
/** The most spans whose pages one request gives back: 64 MiB. */
export const PUNCH_SPANS: u32 = 1024;

/**
 * ```text
 *  state u32                         spans u32    keeper u32    pages u32
 *  ┌────────┬────────┬────────────┐
 *  │ kind 8 │ part 8 │ head 16    │
 *  └────────┴────────┴────────────┘
 * ```
 * `part` is the class of a slab, or the slot + 1 of the participant that claimed the span. `head` is the
 * first span of a tail's run.
 */
export const DESCRIPTOR_BYTES: u32 = 16;
export const DESCRIPTOR_STATE: u32 = 0;
export const DESCRIPTOR_SPANS: u32 = 4; //             u32: spans of the run that starts here
export const DESCRIPTOR_KEEPER: u32 = 8; //            u32: the participant that allocates from this slab, a hint
export const DESCRIPTOR_PAGES: u32 = 12; //            u32: what giving back must know about the span, as bits
/** Something in the span was replaced in a vector or a map, and readers may still read it: it keeps its pages. */
export const SPAN_READ_LATE: u32 = 1;
/** The span does not count as one with pages, but may have some, because giving them back is not finished. */
export const SPAN_LEFT: u32 = 2;

export const SPAN_FREE: u32 = 0;
export const SPAN_CLAIMED: u32 = 1;
export const SPAN_SLAB: u32 = 2;
export const SPAN_RUN: u32 = 3;
export const SPAN_TAIL: u32 = 4;

/** Owner bytes: one for each block, the truth about its owner. 1 to 128 are participants, as slot + 1. */
export const OWNERS_PER_SPAN: u32 = 1024;
export const OWNER_NONE: u32 = 0; //                   there is no block here
export const OWNER_IN_FLIGHT: u32 = 0x81; //           the block belongs to a message
export const OWNER_REGION: u32 = 0x82; //              the block belongs to the region: it stays until it is freed
export const OWNER_FREE: u32 = 0xff;

/**
 * Size classes of slabs: four for each doubling, then some that divide a span evenly; all multiples of 64.
 * The tables have room for CLASSES of them; those behind CLASS_LAST do not exist yet.
 */
export const CLASSES: u32 = 64;
export const CLASS_LAST: u32 = 32;
export const CLASS_LARGEST: u32 = 28;
/** Blocks for objects of the directory. Their spans are never used for anything else. */
export const CLASS_OBJECT: u32 = 29;
/** Records of saved blocks, likewise. */
export const CLASS_HANDLE: u32 = 30;
/** Shares, likewise: the references to a block that has several. */
export const CLASS_SHARE: u32 = 31;
/** Bulk blocks, likewise: their bytes are in the bulk space. */
export const CLASS_BULK: u32 = 32;
export const SLAB_LARGEST: u32 = 32768;
export const BLOCK_ALIGNMENT: u32 = 64;

// ------------------------------------------------------------------------------------------- bulk space

/**
 * The bulk space lies behind the heap in the same file, from the next multiple of BULK_SPAN_BYTES on. It has
 * the bytes of large blocks and nothing else. Each of its spans has one word, its state:
 *
 * ```text
 *  holder 26: 0 if it is free; slot + 1 if it is claimed; or the offset of its bulk block   left 1   pages 1
 * ```
 */
export const BULK_SPAN_SHIFT: u32 = 21;
export const BULK_SPAN_BYTES: u32 = 2097152;
/** Bits of a state: the span has pages; it may have some, because giving them back is not finished. */
export const BULK_PAGES: u32 = 1;
export const BULK_LEFT: u32 = 2;
export const BULK_BITS: u32 = 63;
/** A participant's tag, shifted by this, is the holder of a span that it has claimed. */
export const BULK_TAG_SHIFT: u32 = 6;
/** Bulk spans that hosts map together. No block crosses a multiple of it, so none is larger. */
export const BULK_WINDOW: u32 = 2046;
/** The number of bulk spans whose states are committed together: one page of states. */
export const BULK_READY_STEP: u32 = 1024;
/** The most bulk spans that one request commits: 256 MiB; and gives back: 64 MiB. */
export const BULK_COMMIT: u32 = 128;
export const BULK_PUNCH: u32 = 32;
/** The most bulk spans of a region: 16 TiB. */
export const BULK_MOST: u32 = 8388608;

/** A bulk block: `{ first: u32, spans: u32, … }`, both 0 while it has no spans. */
export const BULK_FIRST: u32 = 0;
export const BULK_SPANS: u32 = 4;

// ---------------------------------------------------------------------------------------------- objects

/** A bucket of the directory: the link to its first object. */
export const BUCKET_BYTES: u32 = 8;

/**
 * A named object. Its head says what it is and what it is called, and is written once, before other
 * participants can see it. Then come the words of its kind. The memory never becomes anything but another
 * object, so a late reader still reads an object.
 *
 * ```text
 *  0      256                544    560       632
 *  ┌──────┬──────────────────┬──────┬─────────┬──────┐
 *  │ head │ queue, lock, …   │ pins │ version │ next │
 *  └──────┴──────────────────┴──────┴─────────┴──────┘
 * ```
 */
export const OBJECT_BYTES: u32 = 640;
export const OBJECT_HEAD_BYTES: u32 = 256;
export const OBJECT_HASH: u32 = 0; //                  u32
export const OBJECT_KIND: u32 = 4; //                  u32: KIND_…
export const OBJECT_ELEMENT: u32 = 8; //               u32: the numbers of its dtypes; 0 for none
export const OBJECT_REQUESTED: u32 = 12; //            u32: the capacity that the user asked for
export const OBJECT_DATA: u32 = 16; //                 u32: offset of its memory
export const OBJECT_DATA_SEGMENT: u32 = 20; //         u16: reserved, 0
export const OBJECT_CAPACITY: u32 = 24; //             u32: bytes, records or places; a power of two in queues
export const OBJECT_NAME_LENGTH: u32 = 28; //          u32
export const OBJECT_TYPE: u32 = 32; //                 u32: offset of its type as text; 0 for none
export const OBJECT_TYPE_SEGMENT: u32 = 36; //         u16: reserved, 0
export const OBJECT_TYPE_BYTES: u32 = 40; //           u32: bytes of that text
export const OBJECT_NONCE: u32 = 48; //                u64: random; handles contain it
export const OBJECT_NAME: u32 = 56;
export const NAME_BYTES: u32 = 200;
/**
 * A bit for each slot whose participant has the object open. The object is freed only when all bits are 0.
 */
export const OBJECT_PINS: u32 = 544; //                128 bits
/** u32: raised after a reference in the object has changed, and before its old target is freed. */
export const OBJECT_VERSION: u32 = 560;
/** u32: elements of a vector, entries of a map. */
export const OBJECT_COUNT: u32 = 512;
/** The link to the next object of the bucket. LINK_REMOVED in it marks this object as removed. */
export const OBJECT_NEXT: u32 = 632;

/**
 * A link: `{ object: u32, tag: u32 }`. The tag changes with every change, so a link is never mistaken for an
 * older one.
 */
export const LINK_REMOVED: u32 = 1;

export const KIND_QUEUE: u32 = 1;
export const KIND_RECORDS: u32 = 2;
export const KIND_STRUCT: u32 = 3;
export const KIND_ARRAY: u32 = 4;
export const KIND_MUTEX: u32 = 5;
export const KIND_CONDITION: u32 = 6;
export const KIND_VECTOR: u32 = 7;
export const KIND_MAP: u32 = 8;
export const KIND_MAILBOX: u32 = 9;

/** Queue: the producer's cache line. `tail` is published; `claimed` is ahead of it during a batch. */
export const QUEUE_TAIL: u32 = 256; //                 u32
export const QUEUE_CLAIMED: u32 = 260; //              u32
export const QUEUE_CACHED_HEAD: u32 = 264; //          u32: the value of `head` that the producer last read
export const QUEUE_RESERVED: u32 = 268; //             u32: offset of the open reservation's payload, or 0
export const QUEUE_RESERVED_BYTES: u32 = 272; //       u32
export const QUEUE_SENT: u32 = 276; //                 u32: messages, modulo 2^32
/** u32: the number of messages in the open reservation of many; 0 if it is for one, or none is open. */
export const QUEUE_RESERVED_COUNT: u32 = 288;
/** Queue: the consumer's cache line. `next` is ahead of `head` while messages are held. */
export const QUEUE_HEAD: u32 = 384; //                 u32
export const QUEUE_NEXT: u32 = 388; //                 u32
export const QUEUE_CACHED_TAIL: u32 = 392; //          u32: the value of `tail` that the consumer last read
export const QUEUE_RECEIVED: u32 = 396; //             u32: messages released, modulo 2^32
/**
 * u32: how many ends of streams consumers have read, modulo 2^32. It is raised before the end leaves the
 * queue, so a death in between makes it too high by one while the end is still there.
 */
export const QUEUE_ENDS_READ: u32 = 400;
/** Queue: the cache line that both sides read and seldom write. */
export const QUEUE_PRODUCER: u32 = 512; //             u32: participant, or 0
export const QUEUE_CONSUMER: u32 = 516; //             u32
export const QUEUE_PRODUCER_WAITS: u32 = 520; //       u32: 1 if the producer wants to be woken
export const QUEUE_CONSUMER_WAITS: u32 = 524; //       u32
export const QUEUE_PRODUCER_COUNT: u32 = 528; //       u32: how many producers have attached
export const QUEUE_CONSUMER_COUNT: u32 = 532; //       u32
/**
 * u32: the number of the last producer that ended its stream, as QUEUE_PRODUCER_COUNT counts them. It may
 * leave without harm.
 */
export const QUEUE_ENDED: u32 = 536;
/**
 * Queue of records: 1 if the stream ends at QUEUE_END. The next stream begins after the consumer has seen the
 * end.
 */
export const QUEUE_ENDS: u32 = 280; //                 u32
export const QUEUE_END: u32 = 284; //                  u32

/**
 * Mailbox: u64, `{ MAILBOX_ENDS, position }` if the stream ends at that position. The consumer clears
 * MAILBOX_ENDS, and the position stays. So the halves are at QUEUE_ENDS and QUEUE_END.
 */
export const MAILBOX_END: u32 = 280;
export const MAILBOX_ENDS: u32 = 1;
/** Mailbox: u32: every message before this position was taken or dropped. Only the producer moves it. */
export const MAILBOX_OLDEST: u32 = 296;
/** Mailbox: u32: number of dropped messages, modulo 2^32. */
export const MAILBOX_DROPPED: u32 = 300;
/**
 * Limits of a mailbox. It has a power of two of places, and keeps at least MAILBOX_SPARE fewer messages than
 * it has places.
 */
export const MAILBOX_PLACES: u32 = 8192;
export const MAILBOX_FEWEST_PLACES: u32 = 4;
export const MAILBOX_SPARE: u32 = 2;
export const MAILBOX_LARGEST: u32 = 4096;
/**
 * A place of a mailbox, u64. Envelopes are blocks, so their offsets are multiples of 64, and the lowest six
 * bits are free for the state.
 *
 * ```text
 *  state 6 ┊ envelope 26   position u32
 * ```
 */
export const PLACE_SHIFT: u32 = 3;
export const PLACE_POSITION_SHIFT: u32 = 32;
export const PLACE_STATE: u32 = 63;
export const PLACE_KEPT: u32 = 1; //                   the message is in the mailbox
export const PLACE_CLAIMED: u32 = 2; //                the consumer is taking it, and the producer must not use the place
export const PLACE_TAKEN: u32 = 3; //                  the consumer has taken it
export const PLACE_DROPPED: u32 = 4; //                the producer has dropped it, or is about to

/** Mutex and condition: the holder, the slot that was rung last, and a bit for each slot that waits. */
export const LOCK_HOLDER: u32 = 256; //           u32: participant, 0, or LOCK_ABANDONED
export const LOCK_LAST: u32 = 384; //             u32
export const LOCK_WAITERS: u32 = 392; //          128 bits, as two u64
/** Not a participant's number: the last holder died while holding the mutex. */
export const LOCK_ABANDONED: u32 = 19;

/**
 * The words of vectors and maps begin with those of a mutex, which is held for each change. A map's data is a
 * table of u32: each is the offset of an entry, 0, or MAP_GONE.
 */
export const MAP_GONE_COUNT: u32 = 516; //        u32: number of places that are MAP_GONE, a hint
/** An entry was deleted here: a search continues behind it. */
export const MAP_GONE: u32 = 1;
/** An entry: hash u32, key's length u32, value's length u32, reserved u32, key, value from the next multiple of 8. */
export const ENTRY_HASH: u32 = 0;
export const ENTRY_KEY_LENGTH: u32 = 4;
export const ENTRY_VALUE_LENGTH: u32 = 8;
export const ENTRY_KEY: u32 = 16;

export const QUEUE_SMALLEST: u32 = 64;
export const QUEUE_LARGEST: u32 = 0x40000000;
/** Bytes that stay free for the record that ends the stream. */
export const QUEUE_SPARE: u32 = 8;

/**
 * A record of the byte ring; its position and its length are multiples of 8.
 *
 * ```text
 *  length u32   kind u32   payload, length bytes   to the next multiple of 8
 * ```
 */
export const RECORD_HEADER: u32 = 8;
export const RECORD_ALIGNMENT: u32 = 8;
export const RECORD_LENGTH: u32 = 0; //                u32: bytes of the payload
export const RECORD_KIND: u32 = 4; //                  u32: one of the following, and maybe RECORD_RELEASED
export const RECORD_DATA: u32 = 1;
/** The payload is a block reference: the message was too large for the ring. */
export const RECORD_LARGE: u32 = 2;
/**
 * The payload is a block reference, then the message's own bytes: a block was handed over with the message.
 */
export const RECORD_BLOCK: u32 = 3;
/** Padding up to the end of the ring. */
export const RECORD_PAD: u32 = 4;
export const RECORD_END: u32 = 5;
/** Set by the consumer: the message must never be delivered again. */
export const RECORD_RELEASED: u32 = 0x100;

/** A stored reference: offset u32, segment u16 (0), 2 reserved, length u32, 4 reserved. */
export const REFERENCE_BYTES: u32 = 16;
export const REFERENCE_OFFSET: u32 = 0;
export const REFERENCE_LENGTH: u32 = 8;

/**
 * A share: several references to one block. `{ block: u32, … }`, then an owner byte for each reference; 0 is
 * none. A reference's offset is that of its owner byte, so it can be handed over like a block.
 */
export const SHARE_BYTES: u32 = 1024;
export const SHARE_BLOCK: u32 = 0;
export const SHARE_OWNERS: u32 = 64;

/** A handle: nonce u64, reference. */
export const HANDLE_NONCE: u32 = 0;
export const HANDLE_REFERENCE: u32 = 8;

// ----------------------------------------------------------------------------------------- status codes

/** What a function of the core returns instead of an offset. Offsets are larger than any status. */
export const OK: u32 = 0;
/** Commit the ranges in the slot's request, call `committed`, then call again; or call `cancel`. */
export const NEED_COMMIT: u32 = 1;
export const FULL: u32 = 2; //                         the region has no space for it
export const FENCED: u32 = 3; //                       this participant was declared dead
export const NOT_OWNER: u32 = 4; //                    the block belongs to another owner
export const DOUBLE_FREE: u32 = 5; //                  the block is free
export const NOT_A_BLOCK: u32 = 6; //                  no block starts there
export const CORRUPT: u32 = 7; //                      the region is corrupted
export const EMPTY: u32 = 8; //                        nothing to receive
export const NO_ROOM: u32 = 9; //                      the ring has no room at the moment
export const ENDED: u32 = 10; //                       the stream has ended here
export const TAKEN: u32 = 11; //                       another participant has it; RESULT is its number
export const NOT_FOUND: u32 = 13;
export const TOO_LARGE: u32 = 14; //                   more than half the ring: send a block
export const MORE: u32 = 15; //                        unfinished: call again
export const BUSY: u32 = 16; //                        others have changed it too often meanwhile
export const BAD_HANDLE: u32 = 17;
export const BAD_STATE: u32 = 18; //                   a reservation is open, or none is
/** Give the pages in the slot's request back, call `punched`, then call again; or call `cancel`. */
export const NEED_PUNCH: u32 = 20;
export const STATUS_LIMIT: u32 = 256;
