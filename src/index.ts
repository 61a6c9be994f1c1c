/**
 * dhmem: memory shared between processes and containers. See `Region.open`.
 *
 * @module
 */
export { type ArrayOptions, SharedArray } from "./array.js";
export { Block } from "./block.js";
export type { CodedOf, KeyType, ValueType } from "./codec.js";
export { Condition, type ConditionWaitOptions } from "./condition.js";
export { Consumer } from "./consumer.js";
export type { DType, TypedArrayOf, ValueOf } from "./dtypes.js";
export { DhmemError, type DhmemErrorCode } from "./errors.js";
export { Handle } from "./handle.js";
export { SharedMap } from "./map.js";
export { Message } from "./message.js";
export { HeldLock, Mutex } from "./mutex.js";
export type { MapTypes } from "./open-collections.js";
export type { DroppingQueueOptions, QueueOptions, RecordQueueOptions } from "./open-queue.js";
export type { EndpointOptions, Size, WaitOptions } from "./options.js";
export { Producer, type Sendable, type SendOptions } from "./producer.js";
export { Queue, RecordQueue } from "./queue.js";
export { RecordConsumer, RecordProducer } from "./records.js";
export { Region } from "./region.js";
export type { RegionOptions } from "./region-options.js";
export type { Loaded, LoadedStruct, Saveable } from "./saved.js";
export { type Fields, Schema, type Struct, schema } from "./schema.js";
export { Slot } from "./slot.js";
export type { Entry, RegionStats } from "./stats.js";
export type { ReadableOptions } from "./streams.js";
export type { StructOptions } from "./struct.js";
export { Vector } from "./vector.js";
