package main

import (
	"errors"
	"fmt"
)

// An endpoint is what the two ends of a byte queue have in common.
type endpoint struct {
	region             *region
	at                 uint32
	kind               string
	peer, count, noted uint32
}

// openEndpoint takes an end of a queue that exists: kind is Producer or Consumer, and the names are of the peer's words.
func openEndpoint(r *region, name, kind, peer, count string) (*endpoint, error) {
	own := r.pages * page
	copy(r.memory[own:], name)
	at, err := r.offset("open", r.me, own, uint32(len(name)))
	if err != nil {
		return nil, err
	}
	if r.word(at+layout["OBJECT_KIND"]) != layout["KIND_QUEUE"] {
		return nil, fmt.Errorf("%s is no byte queue", name)
	}
	e := &endpoint{region: r, at: at, kind: kind, peer: at + layout[peer], count: at + layout[count]}
	if err = e.change("attach" + kind); err != nil {
		return nil, err
	}
	// A peer that holds its end now, and one that comes later, are both noticed when they go.
	e.noted = r.load(e.count)
	if r.load(e.peer) != 0 {
		e.noted--
	}
	return e, nil
}

func (e *endpoint) status(export string, parameters ...uint32) (uint32, error) {
	return e.region.status(export, append([]uint32{e.region.me, e.at}, parameters...)...)
}

func (e *endpoint) change(export string, parameters ...uint32) error {
	return e.region.change(export, append([]uint32{e.region.me, e.at}, parameters...)...)
}

func (e *endpoint) peerIsGone() bool {
	count := e.region.load(e.count)
	holder := e.region.load(e.peer)
	return count == e.region.load(e.count) && count != e.noted && holder == 0
}

// until waits until an export returns something else than the status that stands for nothing yet.
func (e *endpoint) until(pending, export string, parameters ...uint32) (result uint32, err error) {
	look := func() (bool, error) {
		result, err = e.status(export, parameters...)
		return err == nil && result != layout[pending], err
	}
	attempt := func() (bool, error) {
		done, err := look()
		if done || err != nil || !e.peerIsGone() {
			return done, err
		}
		// It may have done something just before it left.
		if done, err = look(); !done && err == nil {
			err = errors.New("the other side of the queue is gone")
		}
		return done, err
	}
	announce := func() error { return e.change("announce" + e.kind) }
	return result, e.region.wait(announce, attempt, func() uint32 { return e.region.load(e.peer) })
}

func (e *endpoint) close() error {
	return errors.Join(e.change("detach"+e.kind), e.region.change("unpin", e.region.me, e.at))
}

type producer struct{ *endpoint }

func openProducer(r *region, name string) (producer, error) {
	e, err := openEndpoint(r, name, "Producer", "QUEUE_CONSUMER", "QUEUE_CONSUMER_COUNT")
	return producer{e}, err
}

// send sends bytes. What is larger than half the ring travels in a block.
func (p producer) send(data []byte) error {
	length := uint32(len(data))
	payload, err := p.until("NO_ROOM", "reserve", length)
	if err != nil {
		return err
	}
	if payload != layout["TOO_LARGE"] {
		return p.fill(payload, data, "commit", length)
	}
	block, err := p.region.allocate(length)
	if err != nil {
		return err
	}
	copy(p.region.memory[block:], data)
	return p.handOver(nil, 1, block, length)
}

// sendBlock sends bytes, and hands over a block with so many bytes of content.
func (p producer) sendBlock(data []byte, block, length uint32) error {
	return p.handOver(data, 0, block, length)
}

func (p producer) handOver(data []byte, large, block, length uint32) error {
	prefix := layout["REFERENCE_BYTES"]
	bytes := prefix + uint32(len(data))
	payload, err := p.until("NO_ROOM", "reserve", bytes)
	if err != nil {
		return err
	}
	return p.fill(payload+prefix, data, "commitBlock", bytes, large, block, length)
}

func (p producer) fill(payload uint32, data []byte, commit string, parameters ...uint32) error {
	if payload < layout["STATUS_LIMIT"] {
		return fmt.Errorf("reserve answered %d; docs/core-abi.md lists the statuses", payload)
	}
	copy(p.region.memory[payload:], data)
	return p.change(commit, parameters...)
}

func (p producer) end() error {
	doorbell, err := p.until("NO_ROOM", "end")
	if err != nil || doorbell == layout["OK"] {
		return err
	}
	return p.region.wake(doorbell)
}

type consumer struct{ *endpoint }

func openConsumer(r *region, name string) (consumer, error) {
	e, err := openEndpoint(r, name, "Consumer", "QUEUE_PRODUCER", "QUEUE_PRODUCER_COUNT")
	return consumer{e}, err
}

// A message is what the producer sent, in place: its bytes, and those of the block that came with it, until its release.
type message struct {
	consumer          consumer
	data, block       []byte
	position          uint32
	reference, length uint32
}

// receive returns the next message, or nil at the end of the stream.
func (c consumer) receive() (*message, error) {
	payload, err := c.until("EMPTY", "peek")
	if err != nil {
		return nil, err
	}
	r := c.region
	if payload == layout["ENDED"] {
		if doorbell := r.result(0); doorbell != layout["OK"] {
			return nil, r.wake(doorbell)
		}
		return nil, nil
	}
	if payload < layout["STATUS_LIMIT"] {
		return nil, fmt.Errorf("peek answered %d; docs/core-abi.md lists the statuses", payload)
	}
	m := &message{consumer: c, position: r.result(0), reference: r.result(3), length: r.result(4)}
	length, kind := r.result(1), r.result(2)
	if kind == layout["RECORD_DATA"] {
		m.data, err = r.view(payload, length)
		return m, err
	}
	// A block that comes with a message may be a reference; bytesOf knows where its bytes are.
	bytes, err := r.offset("bytesOf", m.reference)
	if err != nil {
		return nil, err
	}
	if m.block, err = r.view(bytes, m.length); err != nil {
		return nil, err
	}
	if kind == layout["RECORD_LARGE"] {
		m.data, m.block = m.block, nil
		return m, nil
	}
	prefix := layout["REFERENCE_BYTES"]
	m.data, err = r.view(payload+prefix, length-prefix)
	return m, err
}

// release gives the message back, and frees its block.
func (m *message) release() error { return m.consumer.change("release", m.position, 0) }

// take gives the message back, and keeps its block, which the caller must free.
func (m *message) take() error { return m.consumer.change("release", m.position, 1) }
