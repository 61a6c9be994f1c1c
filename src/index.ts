/**
 * Memory shared between processes and containers. Begin with {@link Region.open}.
 *
 * @module dhmem
 */

export type { Participant } from "./attachment/participants.js";
export type { FolderOptions, RegionOptions, TemporaryOptions } from "./attachment/region-options.js";
export { type ArrayOptions, SharedArray } from "./collections/array.js";
export { SharedMap } from "./collections/map.js";
export type { CodedOf, KeyType, ValueType } from "./collections/map-codec.js";
export type { MapTypes } from "./collections/open-collections.js";
export type { StructOptions } from "./collections/struct.js";
export { Vector } from "./collections/vector.js";
export { DhmemError, type DhmemErrorCode } from "./errors.js";
export type { DhmemEvents } from "./events.js";
export { Handle } from "./handles/handle.js";
export type { Loaded, LoadedStruct, Saveable } from "./handles/save-and-load.js";
export type { Trust } from "./host/trust.js";
export type { Entry, QueueStats, RegionStats } from "./inspect/stats.js";
export { Block } from "./memory/block.js";
export type { Payload } from "./memory/payload.js";
export type { Reads } from "./memory/reads.js";
export type { Writes } from "./memory/writes.js";
export { BatchReservation } from "./queue/batch-reservation.js";
export { Consumer } from "./queue/consumer.js";
export { Message } from "./queue/message.js";
export type { DroppingQueueOptions, QueueOptions, RecordQueueOptions } from "./queue/open-queue.js";
export type { PollHandler, PollOptions } from "./queue/polling.js";
export { Producer } from "./queue/producer.js";
export { Queue } from "./queue/queue.js";
export { RecordConsumer, StructConsumer } from "./queue/record-consumer.js";
export { RecordProducer, StructProducer } from "./queue/record-producer.js";
export { RecordQueue, StructQueue } from "./queue/record-queue.js";
export { Reservation } from "./queue/reservation.js";
export type { Sendable, SendOptions } from "./queue/sendable.js";
export type { ReadableOptions } from "./queue/streams.js";
export { Region } from "./region.js";
export { Condition, type ConditionWaitOptions } from "./sync/condition.js";
export { HeldLock, Mutex } from "./sync/mutex.js";
export type { EndpointOptions, Size, WaitOptions } from "./values/arguments.js";
export type { DType, TypedArrayOf, ValueOf } from "./values/dtypes.js";
export { type Fields, Schema, type Struct, schema } from "./values/schema.js";
