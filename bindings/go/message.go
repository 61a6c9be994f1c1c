package dhmem

import "dhmem/internal/native"

// Message is a received message, which is read in place. From Consumer.Receive and others. It keeps its room in the queue
// until it is released. One goroutine at a time may use it.
type Message struct {
	memory
	consumer *Consumer
	position uint32
	large    bool
	carried  native.Block
	block    *Block
}

// fill receives the message, with the lock.
func (m *Message) fill(calls *native.Calls) native.Code {
	received, code := calls.Receive(m.consumer.handle)
	if code == native.OK {
		m.set(received)
	}
	return code
}

func (m *Message) set(received native.Message) {
	m.open(m.consumer.region, received.Data, received.Length)
	m.endpoint = &m.consumer.endpoint
	m.position, m.large, m.carried, m.block = received.Position, received.Large, received.Block, nil
}

// finish is the end of the message, and of its block if that was not taken.
func (m *Message) finish(how string) {
	m.close(how)
	if m.block != nil {
		m.block.close(how)
	}
}

// Queue is the name of the queue that it comes from.
func (m *Message) Queue() string { return m.consumer.name }

// Block is the block that was handed over with the message, or nil. It belongs to the message: releasing the message frees
// it.
func (m *Message) Block() *Block {
	m.check()
	if m.block == nil && m.carried.Data != nil {
		m.block = newBlock(m.region, m.carried, "message")
		m.block.endpoint = m.endpoint
	}
	return m.block
}

// Release gives the message's room back, and frees its block. Messages can be released in any order; a second call does
// nothing.
func (m *Message) Release() error {
	c := m.consumer
	s := c.region.state
	s.Lock()
	defer s.Unlock()
	if m.gone != "" {
		return nil
	}
	if c.isClosed.Load() {
		return c.closed()
	}
	if code := s.calls.Release(c.handle, m.position); code != native.OK {
		return failed(s.calls, code)
	}
	m.finish("was released")
	return nil
}

// Take makes the message's block this participant's own, and releases the message. A message that is too large for the
// queue is a block itself.
func (m *Message) Take() (*Block, error) {
	c := m.consumer
	s := c.region.state
	s.Lock()
	defer s.Unlock()
	if m.gone != "" {
		return nil, fail(ErrClosed, "This message %s; take its block before that", m.gone)
	}
	if c.isClosed.Load() {
		return nil, c.closed()
	}
	block, err := got(s, func() (native.Block, native.Code) {
		return s.calls.Take(c.handle, native.Message{
			Data: m.data, Length: m.length, Block: m.carried, Position: m.position, Large: m.large,
		})
	})
	if err != nil {
		return nil, err
	}
	m.finish("was taken")
	return newBlock(c.region, block, ""), nil
}
