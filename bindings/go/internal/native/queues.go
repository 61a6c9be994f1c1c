//go:build linux && cgo

package native

// #include "calls.h"
import "C"

import "unsafe"

// What is open of a queue. Each must be closed.
type (
	Producer       unsafe.Pointer
	Consumer       unsafe.Pointer
	RecordProducer unsafe.Pointer
	RecordConsumer unsafe.Pointer
)

// QueueOptions has 0 for what is not given.
type QueueOptions struct {
	Capacity uint64
	Patient  bool
	Policy   int
	Keep     int
}

func (o QueueOptions) c() C.struct_dhmem_queue_options {
	return C.struct_dhmem_queue_options{
		capacity: C.size_t(o.Capacity),
		patient:  C.bool(o.Patient),
		policy:   uint32(o.Policy),
		keep:     C.uint(o.Keep),
	}
}

// Message is a message that was received.
type Message struct {
	Data     unsafe.Pointer
	Length   int
	Block    Block
	Position uint32
	Large    bool
}

func messageOf(m *C.struct_dhmem_message) Message {
	return Message{m.data, int(m.length), blockOf(m.block), uint32(m.position), m.large != 0}
}

// MostMessages is how many one call receives.
const MostMessages = C.MOST_MESSAGES

// OpenProducer opens the producer of a queue.
func (c *Calls) OpenProducer(queue string, options QueueOptions) (Producer, Code) {
	named, o := terminated(queue), options.c()
	defer free(named)
	code := Code(C.go_producer(c.c(), named, &o))
	return Producer(c.handle), code
}

// CloseProducer leaves the endpoint.
func (c *Calls) CloseProducer(producer Producer) {
	C.dhmem_producer_close((*C.dhmem_producer)(producer))
}

// Send sends a message if there is room.
func (c *Calls) Send(producer Producer, data []byte) Code {
	return Code(C.go_send(c.c(), (*C.dhmem_producer)(producer), unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data))))
}

// SendMany sends those messages for which there is room, at most MostMessages that follow each other in `data`.
func (c *Calls) SendMany(producer Producer, data []byte, lengths []uint64) (int, Code) {
	from, each := unsafe.Pointer(unsafe.SliceData(data)), (*C.uint64_t)(unsafe.SliceData(lengths))
	code := Code(C.go_send_many(c.c(), (*C.dhmem_producer)(producer), from, each, C.size_t(len(lengths))))
	return int(c.number), code
}

// SendBlock sends a message with a block if there is room.
func (c *Calls) SendBlock(producer Producer, data []byte, block Block) Code {
	from := unsafe.Pointer(unsafe.SliceData(data))
	return Code(C.go_send_block(c.c(), (*C.dhmem_producer)(producer), from, C.size_t(len(data)), block.c()))
}

// Reserve reserves room for a message if there is some.
func (c *Calls) Reserve(producer Producer, length int) (unsafe.Pointer, Code) {
	code := Code(C.go_reserve(c.c(), (*C.dhmem_producer)(producer), C.size_t(length)))
	return c.data, code
}

// Commit sends the reservation.
func (c *Calls) Commit(producer Producer, length int) Code {
	return Code(C.go_commit(c.c(), (*C.dhmem_producer)(producer), C.size_t(length)))
}

// Abort drops the reservation.
func (c *Calls) Abort(producer Producer) Code {
	return Code(C.go_abort(c.c(), (*C.dhmem_producer)(producer)))
}

// End ends the stream.
func (c *Calls) End(producer Producer) Code {
	return Code(C.go_end(c.c(), (*C.dhmem_producer)(producer)))
}

// OpenConsumer opens the consumer of a queue.
func (c *Calls) OpenConsumer(queue string, options QueueOptions) (Consumer, Code) {
	named, o := terminated(queue), options.c()
	defer free(named)
	code := Code(C.go_consumer(c.c(), named, &o))
	return Consumer(c.handle), code
}

// CloseConsumer leaves the endpoint.
func (c *Calls) CloseConsumer(consumer Consumer) {
	C.dhmem_consumer_close((*C.dhmem_consumer)(consumer))
}

// Receive receives a message if there is one.
func (c *Calls) Receive(consumer Consumer) (Message, Code) {
	code := Code(C.go_receive(c.c(), (*C.dhmem_consumer)(consumer)))
	return messageOf(&c.message), code
}

// Next releases one message, and receives another if there is one.
func (c *Calls) Next(consumer Consumer, position uint32) (Message, Code) {
	code := Code(C.go_next(c.c(), (*C.dhmem_consumer)(consumer), C.uint32_t(position)))
	return messageOf(&c.message), code
}

// Release gives the message's room back.
func (c *Calls) Release(consumer Consumer, position uint32) Code {
	return Code(C.go_release(c.c(), (*C.dhmem_consumer)(consumer), C.uint32_t(position)))
}

// Take makes the message's block this participant's own, and releases the message.
func (c *Calls) Take(consumer Consumer, message Message) (Block, Code) {
	m := C.struct_dhmem_message{data: message.Data, length: C.size_t(message.Length), block: message.Block.c()}
	m.position = C.uint32_t(message.Position)
	if message.Large {
		m.large = 1
	}
	code := Code(C.go_take(c.c(), (*C.dhmem_consumer)(consumer), m))
	return blockOf(c.block), code
}

// ReceiveMany receives up to so many messages that are there; Received has them.
func (c *Calls) ReceiveMany(consumer Consumer, most int) (int, Code) {
	code := Code(C.go_receive_many(c.c(), (*C.dhmem_consumer)(consumer), C.size_t(most)))
	return int(c.number), code
}

// Received is one of the messages that ReceiveMany has received.
func (c *Calls) Received(index int) Message {
	return messageOf(&unsafe.Slice(c.messages, MostMessages)[index])
}

// ReleaseMany releases messages by their positions.
func (c *Calls) ReleaseMany(consumer Consumer, positions []uint32) Code {
	from := (*C.uint32_t)(unsafe.SliceData(positions))
	return Code(C.go_release_many(c.c(), (*C.dhmem_consumer)(consumer), from, C.size_t(len(positions))))
}

// OpenRecordProducer opens the producer of a queue of records.
func (c *Calls) OpenRecordProducer(queue, record string, capacity uint64, patient bool) (RecordProducer, Code) {
	named, typed := terminated(queue), terminated(record)
	defer free(named, typed)
	code := Code(C.go_record_producer(c.c(), named, typed, C.size_t(capacity), C.bool(patient)))
	return RecordProducer(c.handle), code
}

// CloseRecordProducer leaves the endpoint.
func (c *Calls) CloseRecordProducer(producer RecordProducer) {
	C.dhmem_record_producer_close((*C.dhmem_record_producer)(producer))
}

// Push adds as many records as there is room for.
func (c *Calls) Push(producer RecordProducer, records unsafe.Pointer, count int) (int, Code) {
	code := Code(C.go_push(c.c(), (*C.dhmem_record_producer)(producer), records, C.size_t(count)))
	return int(c.number), code
}

// EndRecords ends the stream.
func (c *Calls) EndRecords(producer RecordProducer) Code {
	return Code(C.go_record_end(c.c(), (*C.dhmem_record_producer)(producer)))
}

// OpenRecordConsumer opens the consumer of a queue of records.
func (c *Calls) OpenRecordConsumer(queue, record string, capacity uint64, patient bool) (RecordConsumer, Code) {
	named, typed := terminated(queue), terminated(record)
	defer free(named, typed)
	code := Code(C.go_record_consumer(c.c(), named, typed, C.size_t(capacity), C.bool(patient)))
	return RecordConsumer(c.handle), code
}

// CloseRecordConsumer leaves the endpoint.
func (c *Calls) CloseRecordConsumer(consumer RecordConsumer) {
	C.dhmem_record_consumer_close((*C.dhmem_record_consumer)(consumer))
}

// Pop takes up to so many records that are there.
func (c *Calls) Pop(consumer RecordConsumer, records unsafe.Pointer, count int) (int, Code) {
	code := Code(C.go_pop(c.c(), (*C.dhmem_record_consumer)(consumer), records, C.size_t(count)))
	return int(c.number), code
}
