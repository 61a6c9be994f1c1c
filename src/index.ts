/**
 * dhmem: memory shared between processes and containers. See `Region.open`.
 *
 * @module
 */

export type { RegionOptions } from "./attachment/region-options.js";
export { type ArrayOptions, SharedArray } from "./collections/array.js";
export { SharedMap } from "./collections/map.js";
export type { CodedOf, KeyType, ValueType } from "./collections/map-codec.js";
export type { MapTypes } from "./collections/open-collections.js";
export type { StructOptions } from "./collections/struct.js";
export { Vector } from "./collections/vector.js";
export { DhmemError, type DhmemErrorCode } from "./errors.js";
export { Handle } from "./handles/handle.js";
export type { Loaded, LoadedStruct, Saveable } from "./handles/save-and-load.js";
export type { Entry, RegionStats } from "./inspect/stats.js";
export { Block } from "./memory/block.js";
export { Consumer } from "./queue/consumer.js";
export { Message } from "./queue/message.js";
export type { DroppingQueueOptions, QueueOptions, RecordQueueOptions } from "./queue/open-queue.js";
export { Producer, type Sendable, type SendOptions } from "./queue/producer.js";
export { Queue, RecordQueue } from "./queue/queue.js";
export { RecordConsumer } from "./queue/record-consumer.js";
export { RecordProducer } from "./queue/record-producer.js";
export { Reservation } from "./queue/reservation.js";
export type { ReadableOptions } from "./queue/streams.js";
export { Region } from "./region.js";
export { Condition, type ConditionWaitOptions } from "./sync/condition.js";
export { HeldLock, Mutex } from "./sync/mutex.js";
export type { EndpointOptions, Size, WaitOptions } from "./values/arguments.js";
export type { DType, TypedArrayOf, ValueOf } from "./values/dtypes.js";
export { type Fields, Schema, type Struct, schema } from "./values/schema.js";
