/* Made from layout.ts by scripts/build-layout.mjs: don't edit it. In comments, names lack their CORE_. */
#ifndef DHMEM_LAYOUT_H
#define DHMEM_LAYOUT_H

/*
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

/* ---------------------------------------------------------------------------------------------- header */

/* The first eight bytes, little-endian: "dhmem", and three bytes that a text-mode copy would change. */
#define CORE_MAGIC_LOW 0x656d6864u
#define CORE_MAGIC_HIGH 0x0a1a0d6du
#define CORE_LAYOUT_VERSION 3u

#define CORE_HEADER_BYTES 4096u
#define CORE_HEADER_MAGIC 0u               /* u64 */
#define CORE_HEADER_VERSION 8u             /* u32: each layout has its own version */
#define CORE_HEADER_FEATURES 12u           /* u32: a program may ignore bits here that it does not know */
#define CORE_HEADER_FEATURES_WRITE 16u     /* u32: a program that does not know a bit here may only read */
#define CORE_HEADER_FEATURES_ALL 20u       /* u32: such a program must not even open the region */
#define CORE_HEADER_IDENTITY 24u           /* u64: random; handles contain it */
#define CORE_HEADER_SPANS 32u              /* u32: spans in the region, including those of the tables */
#define CORE_HEADER_LIFETIME 36u           /* u32: LIFETIME_… */
#define CORE_HEADER_HEAP 40u               /* u32: the first span of the heap */
#define CORE_HEADER_BUSY 44u               /* u32: offset of each table, from here to OWNERS */
#define CORE_HEADER_COMMITTED 48u
#define CORE_HEADER_OWNED 52u
#define CORE_HEADER_BUCKETS 56u
#define CORE_HEADER_BUCKET_MASK 60u        /* u32: number of buckets less one */
#define CORE_HEADER_TOUCHED 64u
#define CORE_HEADER_TOUCHED_BYTES 68u      /* u32: bytes of one slot's bitmap */
#define CORE_HEADER_DESCRIPTORS 72u
#define CORE_HEADER_AVAILABLE 76u
#define CORE_HEADER_OWNERS 80u
/* The bulk space: the number of its spans, 0 for none, and the offset of their states. */
#define CORE_HEADER_BULK_SPANS 84u         /* u32 */
#define CORE_HEADER_BULK_STATES 88u        /* u32 */
/* Reserved, and 0. */
#define CORE_HEADER_BULK_BUSY 92u          /* u32 */
#define CORE_HEADER_BULK_COMMITTED 96u     /* u32 */
/*
 * u32, a word of the header that changes: descriptors of the spans below this number are committed.
 */
#define CORE_HEADER_READY 128u
/* u32: the states of the bulk spans below this number are committed; it changes too. */
#define CORE_HEADER_BULK_READY 132u

#define CORE_LIFETIME_PERSISTENT 0u
#define CORE_LIFETIME_LAST_CLOSE 1u

/* ------------------------------------------------------------------------------------------------ slots */

#define CORE_SLOTS 128u
#define CORE_SLOTS_START 4096u
#define CORE_SLOT_BYTES 1024u
/*
 * u32: the participant that has the slot, `generation << 8 | slot + 1`; 0 if the slot is free. This number
 * identifies the participant everywhere, so a participant that was declared dead is never mistaken for its
 * successor.
 */
#define CORE_SLOT_ID 0u
/* u32: the last generation that was given out. */
#define CORE_SLOT_GENERATION 4u
/* What the core asks the host to commit: two ranges, and their kind. Only the slot's holder writes it. */
#define CORE_SLOT_REQUEST 16u              /* u32: REQUEST_… */
#define CORE_SLOT_REQUEST_FIRST 20u        /* u32: first span */
#define CORE_SLOT_REQUEST_COUNT 24u        /* u32: spans */
#define CORE_SLOT_REQUEST_OFFSET 28u       /* u32: a range to commit */
#define CORE_SLOT_REQUEST_LENGTH 32u       /* u32 */
#define CORE_SLOT_REQUEST_OFFSET_2 36u     /* u32: a second one, if its length is not 0 */
#define CORE_SLOT_REQUEST_LENGTH_2 40u     /* u32 */
/* Further results of an operation, besides its return value. */
#define CORE_SLOT_RESULT 44u               /* u32 */
#define CORE_SLOT_RESULT_2 48u             /* u32 */
#define CORE_SLOT_RESULT_3 52u             /* u32 */
#define CORE_SLOT_RESULT_4 56u             /* u32 */
#define CORE_SLOT_RESULT_5 60u             /* u32 */
/* The intent record: the change that the holder has half done, unless INTENT is INTENT_NONE. */
#define CORE_SLOT_INTENT 64u               /* u32: INTENT_… */
#define CORE_SLOT_INTENT_A 68u             /* u32 */
#define CORE_SLOT_INTENT_B 72u             /* u32 */
#define CORE_SLOT_INTENT_C 76u             /* u32 */
#define CORE_SLOT_INTENT_D 80u             /* u32 */
#define CORE_SLOT_INTENT_E 84u             /* u32 */
/*
 * u32: changes when the holder should check the state again. It has its own cache lines, because others write
 * it.
 */
#define CORE_SLOT_DOORBELL 128u
/* How the holder sleeps. 0 is the same as SLEEP_FUTEX. */
#define CORE_SLOT_SLEEP 132u               /* u32: SLEEP_… */
/* The number of the pipe that wakes the holder's event loop; 0 if there is none. */
#define CORE_SLOT_PIPE 136u                /* u64 */
#define CORE_SLOT_LABEL 256u               /* UTF-8, zero-terminated */
#define CORE_LABEL_BYTES 128u
/* u32: when the participant joined, in seconds of Unix time. */
#define CORE_SLOT_JOINED 384u
/* For each size class: the span to allocate from (0 for none), and the block to try first. */
#define CORE_SLOT_CURRENT 512u             /* 64 × { span: u32, block: u32 } */
#define CORE_CURRENT_SHIFT 3u
#define CORE_CURRENT_SPAN 0u
#define CORE_CURRENT_BLOCK 4u

/* A thread of the holder sleeps on the doorbell. */
#define CORE_SLEEP_FUTEX 1u
/* The holder's event loop sleeps on its pipe. */
#define CORE_SLEEP_PIPE 2u
/* Set by a ringer that could not reach the pipe: the holder will sleep on the doorbell. */
#define CORE_SLEEP_UNREACHABLE 4u

#define CORE_REQUEST_NONE 0u
/* Commit pages of claimed spans, and of the owner bytes of the first span. */
#define CORE_REQUEST_SPANS 1u
/* Commit pages of descriptors, up to span `first + count`. */
#define CORE_REQUEST_DESCRIPTORS 2u
/* Commit pages of the bulk spans from `first` on. */
#define CORE_REQUEST_BULK 3u
/* Commit pages of the states of bulk spans, up to `first + count`. */
#define CORE_REQUEST_BULK_TABLES 4u
/* Give pages back: those of the range, or, if its length is 0, those of the bulk spans from `first` on. */
#define CORE_REQUEST_PUNCH 5u

#define CORE_INTENT_NONE 0u
/* Claiming or giving back the run of `b` spans from span `a`. */
#define CORE_INTENT_RUN 1u
/* Making span `a` a slab of class `b`. */
#define CORE_INTENT_SLAB 2u
/* Giving back slab span `a`, all of whose blocks are the holder's. */
#define CORE_INTENT_RETIRE 3u
/* Putting object `a` into the directory. */
#define CORE_INTENT_INSERT 4u
/* Sending block `c` through queue `a` in the record at position `b`. */
#define CORE_INTENT_SEND 5u
/* Taking block `c` out of the record at position `b` of queue `a`. */
#define CORE_INTENT_TAKE 6u
/* Giving block `a` to the region under handle `b`. */
#define CORE_INTENT_SAVE 7u
/* Freeing block `a`, saved under handle `b`. */
#define CORE_INTENT_UNSAVE 8u
/*
 * Replacing block `c` by block `b` in the word at `a` of object `d`, and then setting the object's count to
 * `e`.
 */
#define CORE_INTENT_REPLACE 9u
/* Putting block `a` into share `b`. */
#define CORE_INTENT_SHARE 10u
/* Freeing reference `a`. */
#define CORE_INTENT_UNSHARE 11u
/* Freeing object `a`, which was removed, unless it is still open somewhere. */
#define CORE_INTENT_DISPOSE 12u
/* Putting envelope `c` into mailbox `a` at position `b`, and dropping messages that are too old. */
#define CORE_INTENT_PUT 13u
/* Claiming envelope `c` at position `b` of mailbox `a`. */
#define CORE_INTENT_CLAIM 14u
/* Dropping the message at position `b` of mailbox `a`. */
#define CORE_INTENT_DROP 15u
/* Claiming or giving back the `b` bulk spans from `a` on, for the bulk block `c`, or for none if it is 0. */
#define CORE_INTENT_BULK 16u
/* Ending the stream of queue `a` at position `b`, when consumers had read `c` ends. */
#define CORE_INTENT_END 17u

/* ------------------------------------------------------------------------------------------------ spans */

#define CORE_SPAN_SHIFT 16u
#define CORE_SPAN_BYTES 65536u
/* The number of spans whose descriptors are committed together. Their availability bits fill two pages. */
#define CORE_READY_STEP 1024u
/* The most spans that one request commits: 16 MiB. */
#define CORE_COMMIT_SPANS 256u
/* The most spans whose pages one request gives back: 64 MiB. */
#define CORE_PUNCH_SPANS 1024u

/*
 * ```text
 *  state u32                         spans u32    keeper u32    pages u32
 *  ┌────────┬────────┬────────────┐
 *  │ kind 8 │ part 8 │ head 16    │
 *  └────────┴────────┴────────────┘
 * ```
 * `part` is the class of a slab, or the slot + 1 of the participant that claimed the span. `head` is the
 * first span of a tail's run.
 */
#define CORE_DESCRIPTOR_BYTES 16u
#define CORE_DESCRIPTOR_STATE 0u
#define CORE_DESCRIPTOR_SPANS 4u           /* u32: spans of the run that starts here */
#define CORE_DESCRIPTOR_KEEPER 8u          /* u32: the participant that allocates from this slab, a hint */
#define CORE_DESCRIPTOR_PAGES 12u          /* u32: what giving back must know about the span, as bits */
/* Something in the span was replaced in a vector or a map, and readers may still read it: it keeps its pages. */
#define CORE_SPAN_READ_LATE 1u
/* The span does not count as one with pages, but may have some, because giving them back is not finished. */
#define CORE_SPAN_LEFT 2u

#define CORE_SPAN_FREE 0u
#define CORE_SPAN_CLAIMED 1u
#define CORE_SPAN_SLAB 2u
#define CORE_SPAN_RUN 3u
#define CORE_SPAN_TAIL 4u

/* Owner bytes: one for each block, the truth about its owner. 1 to 128 are participants, as slot + 1. */
#define CORE_OWNERS_PER_SPAN 1024u
#define CORE_OWNER_NONE 0u                 /* there is no block here */
#define CORE_OWNER_IN_FLIGHT 0x81u         /* the block belongs to a message */
#define CORE_OWNER_REGION 0x82u            /* the block belongs to the region: it stays until it is freed */
#define CORE_OWNER_FREE 0xffu

/*
 * Size classes of slabs: four for each doubling, then some that divide a span evenly; all multiples of 64.
 * The tables have room for CLASSES of them; those behind CLASS_LAST do not exist yet.
 */
#define CORE_CLASSES 64u
#define CORE_CLASS_LAST 32u
#define CORE_CLASS_LARGEST 28u
/* Blocks for objects of the directory. Their spans are never used for anything else. */
#define CORE_CLASS_OBJECT 29u
/* Records of saved blocks, likewise. */
#define CORE_CLASS_HANDLE 30u
/* Shares, likewise: the references to a block that has several. */
#define CORE_CLASS_SHARE 31u
/* Bulk blocks, likewise: their bytes are in the bulk space. */
#define CORE_CLASS_BULK 32u
#define CORE_SLAB_LARGEST 32768u
#define CORE_BLOCK_ALIGNMENT 64u

/* ------------------------------------------------------------------------------------------- bulk space */

/*
 * The bulk space lies behind the heap in the same file, from the next multiple of BULK_SPAN_BYTES on. It has
 * the bytes of large blocks and nothing else. Each of its spans has one word, its state:
 *
 * ```text
 *  holder 26: 0 if it is free; slot + 1 if it is claimed; or the offset of its bulk block   left 1   pages 1
 * ```
 */
#define CORE_BULK_SPAN_SHIFT 21u
#define CORE_BULK_SPAN_BYTES 2097152u
/* Bits of a state: the span has pages; it may have some, because giving them back is not finished. */
#define CORE_BULK_PAGES 1u
#define CORE_BULK_LEFT 2u
#define CORE_BULK_BITS 63u
/* A participant's tag, shifted by this, is the holder of a span that it has claimed. */
#define CORE_BULK_TAG_SHIFT 6u
/* Bulk spans that hosts map together. No block crosses a multiple of it, so none is larger. */
#define CORE_BULK_WINDOW 2046u
/* The number of bulk spans whose states are committed together: one page of states. */
#define CORE_BULK_READY_STEP 1024u
/* The most bulk spans that one request commits: 256 MiB; and gives back: 64 MiB. */
#define CORE_BULK_COMMIT 128u
#define CORE_BULK_PUNCH 32u
/* The most bulk spans of a region: 16 TiB. */
#define CORE_BULK_MOST 8388608u

/* A bulk block: `{ first: u32, spans: u32, … }`, both 0 while it has no spans. */
#define CORE_BULK_FIRST 0u
#define CORE_BULK_SPANS 4u

/* ---------------------------------------------------------------------------------------------- objects */

/* A bucket of the directory: the link to its first object. */
#define CORE_BUCKET_BYTES 8u

/*
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
#define CORE_OBJECT_BYTES 640u
#define CORE_OBJECT_HEAD_BYTES 256u
#define CORE_OBJECT_HASH 0u                /* u32 */
#define CORE_OBJECT_KIND 4u                /* u32: KIND_… */
#define CORE_OBJECT_ELEMENT 8u             /* u32: the numbers of its dtypes; 0 for none */
#define CORE_OBJECT_REQUESTED 12u          /* u32: the capacity that the user asked for */
#define CORE_OBJECT_DATA 16u               /* u32: offset of its memory */
#define CORE_OBJECT_DATA_SEGMENT 20u       /* u16: reserved, 0 */
#define CORE_OBJECT_CAPACITY 24u           /* u32: bytes, records or places; a power of two in queues */
#define CORE_OBJECT_NAME_LENGTH 28u        /* u32 */
#define CORE_OBJECT_TYPE 32u               /* u32: offset of its type as text; 0 for none */
#define CORE_OBJECT_TYPE_SEGMENT 36u       /* u16: reserved, 0 */
#define CORE_OBJECT_TYPE_BYTES 40u         /* u32: bytes of that text */
#define CORE_OBJECT_NONCE 48u              /* u64: random; handles contain it */
#define CORE_OBJECT_NAME 56u
#define CORE_NAME_BYTES 200u
/*
 * A bit for each slot whose participant has the object open. The object is freed only when all bits are 0.
 */
#define CORE_OBJECT_PINS 544u              /* 128 bits */
/* u32: raised after a reference in the object has changed, and before its old target is freed. */
#define CORE_OBJECT_VERSION 560u
/* u32: elements of a vector, entries of a map. */
#define CORE_OBJECT_COUNT 512u
/* The link to the next object of the bucket. LINK_REMOVED in it marks this object as removed. */
#define CORE_OBJECT_NEXT 632u

/*
 * A link: `{ object: u32, tag: u32 }`. The tag changes with every change, so a link is never mistaken for an
 * older one.
 */
#define CORE_LINK_REMOVED 1u

#define CORE_KIND_QUEUE 1u
#define CORE_KIND_RECORDS 2u
#define CORE_KIND_STRUCT 3u
#define CORE_KIND_ARRAY 4u
#define CORE_KIND_MUTEX 5u
#define CORE_KIND_CONDITION 6u
#define CORE_KIND_VECTOR 7u
#define CORE_KIND_MAP 8u
#define CORE_KIND_MAILBOX 9u

/* Queue: the producer's cache line. `tail` is published; `claimed` is ahead of it during a batch. */
#define CORE_QUEUE_TAIL 256u               /* u32 */
#define CORE_QUEUE_CLAIMED 260u            /* u32 */
#define CORE_QUEUE_CACHED_HEAD 264u        /* u32: the value of `head` that the producer last read */
#define CORE_QUEUE_RESERVED 268u           /* u32: offset of the open reservation's payload, or 0 */
#define CORE_QUEUE_RESERVED_BYTES 272u     /* u32 */
#define CORE_QUEUE_SENT 276u               /* u32: messages, modulo 2^32 */
/* u32: the number of messages in the open reservation of many; 0 if it is for one, or none is open. */
#define CORE_QUEUE_RESERVED_COUNT 288u
/* Queue: the consumer's cache line. `next` is ahead of `head` while messages are held. */
#define CORE_QUEUE_HEAD 384u               /* u32 */
#define CORE_QUEUE_NEXT 388u               /* u32 */
#define CORE_QUEUE_CACHED_TAIL 392u        /* u32: the value of `tail` that the consumer last read */
#define CORE_QUEUE_RECEIVED 396u           /* u32: messages released, modulo 2^32 */
/*
 * u32: how many ends of streams consumers have read, modulo 2^32. It is raised before the end leaves the
 * queue, so a death in between makes it too high by one while the end is still there.
 */
#define CORE_QUEUE_ENDS_READ 400u
/* Queue: the cache line that both sides read and seldom write. */
#define CORE_QUEUE_PRODUCER 512u           /* u32: participant, or 0 */
#define CORE_QUEUE_CONSUMER 516u           /* u32 */
#define CORE_QUEUE_PRODUCER_WAITS 520u     /* u32: 1 if the producer wants to be woken */
#define CORE_QUEUE_CONSUMER_WAITS 524u     /* u32 */
#define CORE_QUEUE_PRODUCER_COUNT 528u     /* u32: how many producers have attached */
#define CORE_QUEUE_CONSUMER_COUNT 532u     /* u32 */
/*
 * u32: the number of the last producer that ended its stream, as QUEUE_PRODUCER_COUNT counts them. It may
 * leave without harm.
 */
#define CORE_QUEUE_ENDED 536u
/*
 * Queue of records: 1 if the stream ends at QUEUE_END. The next stream begins after the consumer has seen the
 * end.
 */
#define CORE_QUEUE_ENDS 280u               /* u32 */
#define CORE_QUEUE_END 284u                /* u32 */

/*
 * Mailbox: u64, `{ MAILBOX_ENDS, position }` if the stream ends at that position. The consumer clears
 * MAILBOX_ENDS, and the position stays. So the halves are at QUEUE_ENDS and QUEUE_END.
 */
#define CORE_MAILBOX_END 280u
#define CORE_MAILBOX_ENDS 1u
/* Mailbox: u32: every message before this position was taken or dropped. Only the producer moves it. */
#define CORE_MAILBOX_OLDEST 296u
/* Mailbox: u32: number of dropped messages, modulo 2^32. */
#define CORE_MAILBOX_DROPPED 300u
/*
 * Limits of a mailbox. It has a power of two of places, and keeps at least MAILBOX_SPARE fewer messages than
 * it has places.
 */
#define CORE_MAILBOX_PLACES 8192u
#define CORE_MAILBOX_FEWEST_PLACES 4u
#define CORE_MAILBOX_SPARE 2u
#define CORE_MAILBOX_LARGEST 4096u
/*
 * A place of a mailbox, u64. Envelopes are blocks, so their offsets are multiples of 64, and the lowest six
 * bits are free for the state.
 *
 * ```text
 *  state 6 ┊ envelope 26   position u32
 * ```
 */
#define CORE_PLACE_SHIFT 3u
#define CORE_PLACE_POSITION_SHIFT 32u
#define CORE_PLACE_STATE 63u
#define CORE_PLACE_KEPT 1u                 /* the message is in the mailbox */
#define CORE_PLACE_CLAIMED 2u              /* the consumer is taking it, and the producer must not use the place */
#define CORE_PLACE_TAKEN 3u                /* the consumer has taken it */
#define CORE_PLACE_DROPPED 4u              /* the producer has dropped it, or is about to */

/* Mutex and condition: the holder, the slot that was rung last, and a bit for each slot that waits. */
#define CORE_LOCK_HOLDER 256u              /* u32: participant, 0, or LOCK_ABANDONED */
#define CORE_LOCK_LAST 384u                /* u32 */
#define CORE_LOCK_WAITERS 392u             /* 128 bits, as two u64 */
/* Not a participant's number: the last holder died while holding the mutex. */
#define CORE_LOCK_ABANDONED 19u

/*
 * The words of vectors and maps begin with those of a mutex, which is held for each change. A map's data is a
 * table of u32: each is the offset of an entry, 0, or MAP_GONE.
 */
#define CORE_MAP_GONE_COUNT 516u           /* u32: number of places that are MAP_GONE, a hint */
/* An entry was deleted here: a search continues behind it. */
#define CORE_MAP_GONE 1u
/* An entry: hash u32, key's length u32, value's length u32, reserved u32, key, value from the next multiple of 8. */
#define CORE_ENTRY_HASH 0u
#define CORE_ENTRY_KEY_LENGTH 4u
#define CORE_ENTRY_VALUE_LENGTH 8u
#define CORE_ENTRY_KEY 16u

#define CORE_QUEUE_SMALLEST 64u
#define CORE_QUEUE_LARGEST 0x40000000u
/* Bytes that stay free for the record that ends the stream. */
#define CORE_QUEUE_SPARE 8u

/*
 * A record of the byte ring; its position and its length are multiples of 8.
 *
 * ```text
 *  length u32   kind u32   payload, length bytes   to the next multiple of 8
 * ```
 */
#define CORE_RECORD_HEADER 8u
#define CORE_RECORD_ALIGNMENT 8u
#define CORE_RECORD_LENGTH 0u              /* u32: bytes of the payload */
#define CORE_RECORD_KIND 4u                /* u32: one of the following, and maybe RECORD_RELEASED */
#define CORE_RECORD_DATA 1u
/* The payload is a block reference: the message was too large for the ring. */
#define CORE_RECORD_LARGE 2u
/*
 * The payload is a block reference, then the message's own bytes: a block was handed over with the message.
 */
#define CORE_RECORD_BLOCK 3u
/* Padding up to the end of the ring. */
#define CORE_RECORD_PAD 4u
#define CORE_RECORD_END 5u
/* Set by the consumer: the message must never be delivered again. */
#define CORE_RECORD_RELEASED 0x100u

/* A stored reference: offset u32, segment u16 (0), 2 reserved, length u32, 4 reserved. */
#define CORE_REFERENCE_BYTES 16u
#define CORE_REFERENCE_OFFSET 0u
#define CORE_REFERENCE_LENGTH 8u

/*
 * A share: several references to one block. `{ block: u32, … }`, then an owner byte for each reference; 0 is
 * none. A reference's offset is that of its owner byte, so it can be handed over like a block.
 */
#define CORE_SHARE_BYTES 1024u
#define CORE_SHARE_BLOCK 0u
#define CORE_SHARE_OWNERS 64u

/* A handle: nonce u64, reference. */
#define CORE_HANDLE_NONCE 0u
#define CORE_HANDLE_REFERENCE 8u

/* ----------------------------------------------------------------------------------------- status codes */

/* What a function of the core returns instead of an offset. Offsets are larger than any status. */
#define CORE_OK 0u
/* Commit the ranges in the slot's request, call `committed`, then call again; or call `cancel`. */
#define CORE_NEED_COMMIT 1u
#define CORE_FULL 2u                       /* the region has no space for it */
#define CORE_FENCED 3u                     /* this participant was declared dead */
#define CORE_NOT_OWNER 4u                  /* the block belongs to another owner */
#define CORE_DOUBLE_FREE 5u                /* the block is free */
#define CORE_NOT_A_BLOCK 6u                /* no block starts there */
#define CORE_CORRUPT 7u                    /* the region is corrupted */
#define CORE_EMPTY 8u                      /* nothing to receive */
#define CORE_NO_ROOM 9u                    /* the ring has no room at the moment */
#define CORE_ENDED 10u                     /* the stream has ended here */
#define CORE_TAKEN 11u                     /* another participant has it; RESULT is its number */
#define CORE_NOT_FOUND 13u
#define CORE_TOO_LARGE 14u                 /* more than half the ring: send a block */
#define CORE_MORE 15u                      /* unfinished: call again */
#define CORE_BUSY 16u                      /* others have changed it too often meanwhile */
#define CORE_BAD_HANDLE 17u
#define CORE_BAD_STATE 18u                 /* a reservation is open, or none is */
/* Give the pages in the slot's request back, call `punched`, then call again; or call `cancel`. */
#define CORE_NEED_PUNCH 20u
#define CORE_STATUS_LIMIT 256u

#endif
