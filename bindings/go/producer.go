package dhmem

import (
	"context"
	"runtime"
	"sync/atomic"
	"unsafe"

	"dhmem/internal/native"
)

// Producer is the sending end of a queue. From Queue.Producer. Goroutines may send through it at the same time.
type Producer struct {
	endpoint
	handle native.Producer
	// Whether a reservation holds up a wait for room.
	heldUp bool
	// What SendMany sends in one call of C.
	gathered []byte
	lengths  []uint64
}

// endpoint is what producers and consumers have in common.
type endpoint struct {
	region   *Region
	name     string
	what     string
	isClosed atomic.Bool
	// Whether this participant has removed the queue.
	removed *atomic.Bool
	cleanup runtime.Cleanup
}

func (e *endpoint) closed() error {
	return fail(ErrClosed, "%s was closed; open a new one", e.what)
}

// check panics if what was received or reserved here is gone.
func (e *endpoint) check() {
	if e.isClosed.Load() {
		panic(e.closed())
	}
	if e.removed.Load() {
		const text = "This participant has removed %s from %s; open it again by its name"
		panic(fail(ErrClosed, text, e.name, e.region.path))
	}
}

// closeOnce lets `closing` close the endpoint in C. What waits at it ends.
func (e *endpoint) closeOnce(closing func(calls *native.Calls)) error {
	s := e.region.state
	s.Lock()
	defer s.Unlock()
	if !e.isClosed.Swap(true) {
		e.cleanup.Stop()
		closing(s.calls)
		s.wakeAll()
	}
	return nil
}

// Producer opens the sending end: ErrEndpointTaken if there is a producer already.
func (q *Queue) Producer() (*Producer, error) {
	if q.err != nil {
		return nil, q.err
	}
	s := q.region.state
	s.Lock()
	defer s.Unlock()
	handle, code := s.calls.OpenProducer(q.name, q.options.QueueOptions)
	if code != native.OK {
		return nil, failed(s.calls, code)
	}
	p := &Producer{endpoint: endpoint{region: q.region, name: q.name, what: "The producer of queue " + q.name, removed: s.removal(q.name)}, handle: handle}
	p.cleanup = runtime.AddCleanup(p, func(handle native.Producer) { closeLater(s, s.calls.CloseProducer, handle) }, handle)
	return p, nil
}

// closeLater closes what nothing refers to any more.
func closeLater[T any](s *state, closing func(T), handle T) {
	s.Lock()
	defer s.Unlock()
	closing(handle)
}

// Close leaves the endpoint, which another participant can take then. This does not end the stream.
func (p *Producer) Close() error {
	return p.closeOnce(func(calls *native.Calls) { calls.CloseProducer(p.handle) })
}

// attempt is one attempt to send, with the lock.
func (p *Producer) attempt(data []byte, block *Block) (native.Code, error) {
	if p.isClosed.Load() {
		return native.NoCode, p.closed()
	}
	if block == nil {
		return p.region.state.calls.Send(p.handle, data), nil
	}
	owned, err := block.owned()
	if err != nil {
		return native.NoCode, err
	}
	code := p.region.state.calls.SendBlock(p.handle, data, owned)
	if code == native.OK {
		block.spend("was sent")
	}
	return code, nil
}

// Send sends a copy of data, and waits for room: ErrTimeout after the context's deadline, ErrPeerGone if the consumer has
// left or died, and the context's own error if it is cancelled.
func (p *Producer) Send(ctx context.Context, data []byte) error { return p.send(ctx, data, nil) }

// SendBlock sends a copy of data, and hands over the block without copying it. Afterwards the block can't be used here any
// more; after a failure it is still this participant's.
func (p *Producer) SendBlock(ctx context.Context, data []byte, block *Block) error {
	if block == nil {
		return badArgument("block", nil, "a block of this region")
	}
	return p.send(ctx, data, block)
}

func (p *Producer) send(ctx context.Context, data []byte, block *Block) error {
	return p.waitForRoom(ctx, func() (native.Code, error) { return p.attempt(data, block) })
}

// waitForRoom waits as state.wait does. A reservation that is open already is an error; one that another goroutine opens
// later holds the wait up until it is over.
func (p *Producer) waitForRoom(ctx context.Context, attempt func() (native.Code, error)) error {
	var wrong error
	waited := false
	_, err := p.region.state.wait(ctx, func() (code native.Code) {
		code, wrong = attempt()
		// The arguments were right at the first attempt.
		if waited && code == native.BadArgument {
			p.heldUp, code = true, native.Timeout
		}
		waited = true
		return code
	})
	if wrong != nil {
		return wrong
	}
	return err
}

// TrySend sends a copy of data if there is room, and says whether there was.
func (p *Producer) TrySend(data []byte) (bool, error) {
	s := p.region.state
	s.Lock()
	defer s.Unlock()
	code, err := p.attempt(data, nil)
	switch {
	case err != nil:
		return false, err
	case code == native.Timeout:
		return false, nil
	case code < 0:
		return false, failed(s.calls, code)
	}
	return true, nil
}

// The most bytes of small messages that one call of C sends.
const mostGathered = 64 << 10

// SendMany sends copies of these messages in their order, as many as there is room for, and returns how many. It never waits,
// and costs less for each than Send.
func (p *Producer) SendMany(messages [][]byte) (sent int, err error) {
	s := p.region.state
	s.Lock()
	defer s.Unlock()
	if p.isClosed.Load() {
		return 0, p.closed()
	}
	for sent < len(messages) {
		count, code := s.calls.SendMany(p.handle, p.gather(messages[sent:]), p.lengths)
		sent += count
		if code != native.OK {
			return sent, failed(s.calls, code)
		}
		if count < len(p.lengths) {
			break
		}
	}
	return sent, nil
}

// gather returns the bytes of the first messages, one behind the other; a large one by itself is not copied.
func (p *Producer) gather(messages [][]byte) []byte {
	p.gathered, p.lengths = p.gathered[:0], p.lengths[:0]
	if len(messages[0]) >= mostGathered {
		p.lengths = append(p.lengths, uint64(len(messages[0])))
		return messages[0]
	}
	for _, each := range messages {
		if len(p.lengths) == native.MostMessages || len(p.gathered)+len(each) > mostGathered {
			break
		}
		p.gathered, p.lengths = append(p.gathered, each...), append(p.lengths, uint64(len(each)))
	}
	return p.gathered
}

// End ends the stream: the consumer receives what was sent, and then io.EOF. A second call does nothing.
func (p *Producer) End() error {
	s := p.region.state
	s.Lock()
	defer s.Unlock()
	if p.isClosed.Load() {
		return p.closed()
	}
	if code := s.calls.End(p.handle); code != native.OK {
		return failed(s.calls, code)
	}
	return nil
}

// Reserve reserves room for a message of up to `length` bytes, to write it in place. Commit or Abort it before anything
// else is sent.
func (p *Producer) Reserve(ctx context.Context, length int) (*Reservation, error) {
	if length < 0 {
		return nil, badArgument("length", length, "at least 0")
	}
	var data unsafe.Pointer
	err := p.waitForRoom(ctx, func() (code native.Code, err error) {
		if p.isClosed.Load() {
			return native.NoCode, p.closed()
		}
		data, code = p.region.state.calls.Reserve(p.handle, length)
		return code, nil
	})
	if err != nil {
		return nil, err
	}
	reservation := &Reservation{producer: p}
	reservation.open(p.region, data, length)
	reservation.endpoint = &p.endpoint
	return reservation, nil
}

// Reservation is room for a message. From Producer.Reserve. One goroutine at a time may use it.
type Reservation struct {
	memory
	producer *Producer
}

// Commit sends the first `length` bytes.
func (r *Reservation) Commit(length int) error {
	if length < 0 {
		return badArgument("length", length, "at least 0")
	}
	return r.finish("was committed", func(p *Producer) native.Code {
		return p.region.state.calls.Commit(p.handle, length)
	})
}

// Abort gives the room back. After Commit it does nothing.
func (r *Reservation) Abort() error {
	if r.gone != "" {
		return nil
	}
	return r.finish("was aborted", func(p *Producer) native.Code { return p.region.state.calls.Abort(p.handle) })
}

func (r *Reservation) finish(how string, call func(p *Producer) native.Code) error {
	s := r.producer.region.state
	s.Lock()
	defer s.Unlock()
	if r.gone != "" {
		return fail(ErrBadArgument, "This reservation %s; reserve anew", r.gone)
	}
	if r.producer.isClosed.Load() {
		return r.producer.closed()
	}
	code := call(r.producer)
	if r.producer.heldUp {
		r.producer.heldUp = false
		s.wakeAll()
	}
	if code != native.OK {
		return failed(s.calls, code)
	}
	r.close(how)
	return nil
}
