/** All paths for messages, each with its producer and its consumer. */
import {
	consumeBlocks,
	consumeStream,
	consumeStreams,
	produceBlocks,
	produceStream,
	produceStreams,
} from "./blocks-and-streams.js";
import {
	consumeAll,
	consumeAsync,
	consumeBatches,
	consumeHolding,
	consumeUnawaited,
	produceAll,
	produceAsync,
	produceMany,
	produceUnawaited,
	reserve,
	sendSync,
} from "./messages.js";
import type { Path } from "./path.js";
import { consumeRecordBatches, consumeRecords, produceRecordBatches, produceRecords } from "./records.js";

const small = { count: 1_000_000, size: "16MiB", capacity: 65536, largest: 1024 };

export const paths: Record<string, Path> = {
	small: {
		...small,
		what: "sendSync, receiveSync: 0 to 1 KiB",
		count: 10_000_000,
		produce: produceAll(sendSync),
		consume: consumeAll,
	},
	large: {
		what: "the same, up to the largest the region takes",
		count: 20_000,
		size: "24MiB",
		capacity: 4096,
		produce: produceAll(sendSync),
		consume: consumeAll,
	},
	smallest: {
		...small,
		what: "the same, in the smallest ring",
		capacity: 64,
		largest: 48,
		produce: produceAll(sendSync),
		consume: consumeAll,
	},
	held: { ...small, what: "released in any order", produce: produceAll(sendSync), consume: consumeHolding },
	async: { ...small, what: "await send, for await", produce: produceAsync, consume: consumeAsync },
	unawaited: {
		...small,
		what: "many sends and receives pending at once",
		capacity: 4096,
		produce: produceUnawaited,
		consume: consumeUnawaited,
	},
	many: { ...small, what: "sendMany, batches", produce: produceMany, consume: consumeBatches },
	reserve: {
		...small,
		what: "tryReserve, commit and abort, up to twice the ring",
		capacity: 4096,
		largest: 8192,
		produce: produceAll(reserve),
		consume: consumeAll,
	},
	blocks: {
		...small,
		what: "blocks handed over, released or taken",
		largest: 1800,
		capacity: 4096,
		produce: produceBlocks,
		consume: consumeBlocks,
	},
	streams: { ...small, what: "Node streams", produce: produceStream, consume: consumeStream },
	rejoin: {
		...small,
		what: "stream after stream, with consumers that leave before they have released all",
		capacity: 4096,
		produce: produceStreams,
		consume: consumeStreams,
	},
	records: {
		...small,
		what: "push, pop: f64",
		record: "f64",
		capacity: 1024,
		produce: produceRecords,
		consume: consumeRecords,
	},
	"record-batches": {
		...small,
		what: "pushMany, popInto: u32",
		record: "u32",
		capacity: 1024,
		produce: produceRecordBatches,
		consume: consumeRecordBatches,
	},
};
