package dhmem

import (
	"context"
	"io"
	"runtime"
	"unsafe"

	"dhmem/internal/native"
)

// RecordProducer is the sending end of a queue of records. From OpenRecordProducer.
type RecordProducer[T any] struct {
	endpoint
	handle native.RecordProducer
}

// RecordConsumer is the receiving end of a queue of records. From OpenRecordConsumer.
type RecordConsumer[T any] struct {
	endpoint
	handle native.RecordConsumer
}

func recordOptions[T any](options []QueueOption) (string, queueOptions, error) {
	all, err := queueOptionsOf(options)
	if err == nil && all.Policy != 0 {
		err = fail(ErrBadArgument, "A queue of records drops none; leave out the option Latest or DropOldest")
	}
	if err != nil {
		return "", all, err
	}
	text, err := textOf[T]()
	return text, all, err
}

// OpenRecordProducer opens the sending end of a queue of records of type T, a Record: ErrEndpointTaken if there is a
// producer already. Of the options, Capacity and Patient count.
func OpenRecordProducer[T any](region *Region, queue string, options ...QueueOption) (*RecordProducer[T], error) {
	text, all, err := recordOptions[T](options)
	if err != nil {
		return nil, err
	}
	s := region.state
	s.Lock()
	defer s.Unlock()
	handle, code := s.calls.OpenRecordProducer(queue, text, all.Capacity, all.Patient)
	if code != native.OK {
		return nil, failed(s.calls, code)
	}
	p := &RecordProducer[T]{endpoint: endpoint{region: region, name: queue, what: "The producer of queue " + queue, removed: s.removal(queue)}, handle: handle}
	p.cleanup = runtime.AddCleanup(p, func(handle native.RecordProducer) { closeLater(s, s.calls.CloseRecordProducer, handle) }, handle)
	return p, nil
}

// Close leaves the endpoint, which another participant can take then. This does not end the stream.
func (p *RecordProducer[T]) Close() error {
	return p.closeOnce(func(calls *native.Calls) { calls.CloseRecordProducer(p.handle) })
}

// Push adds all the records, and waits for room. If it fails, some of them may have been added: their number is returned.
func (p *RecordProducer[T]) Push(ctx context.Context, records ...T) (int, error) {
	done := 0
	for done < len(records) {
		closed := false
		_, err := p.region.state.wait(ctx, func() native.Code {
			if closed = p.isClosed.Load(); closed {
				return native.NoCode
			}
			left := records[done:]
			count, code := p.region.state.calls.Push(p.handle, unsafe.Pointer(unsafe.SliceData(left)), len(left))
			if code == native.OK {
				done += count
			}
			return code
		})
		if closed {
			return done, p.closed()
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// End ends the stream: the consumer receives what was added, and then io.EOF.
func (p *RecordProducer[T]) End() error {
	s := p.region.state
	s.Lock()
	defer s.Unlock()
	if p.isClosed.Load() {
		return p.closed()
	}
	if code := s.calls.EndRecords(p.handle); code != native.OK {
		return failed(s.calls, code)
	}
	return nil
}

// OpenRecordConsumer opens the receiving end of a queue of records, as OpenRecordProducer does the sending end.
func OpenRecordConsumer[T any](region *Region, queue string, options ...QueueOption) (*RecordConsumer[T], error) {
	text, all, err := recordOptions[T](options)
	if err != nil {
		return nil, err
	}
	s := region.state
	s.Lock()
	defer s.Unlock()
	handle, code := s.calls.OpenRecordConsumer(queue, text, all.Capacity, all.Patient)
	if code != native.OK {
		return nil, failed(s.calls, code)
	}
	c := &RecordConsumer[T]{endpoint: endpoint{region: region, name: queue, what: "The consumer of queue " + queue, removed: s.removal(queue)}, handle: handle}
	c.cleanup = runtime.AddCleanup(c, func(handle native.RecordConsumer) { closeLater(s, s.calls.CloseRecordConsumer, handle) }, handle)
	return c, nil
}

// Close leaves the endpoint.
func (c *RecordConsumer[T]) Close() error {
	return c.closeOnce(func(calls *native.Calls) { calls.CloseRecordConsumer(c.handle) })
}

// Pop waits for a record, and takes as many as are there and fit into `records`. Returns their number; io.EOF after the
// last one of a stream.
func (c *RecordConsumer[T]) Pop(ctx context.Context, records []T) (int, error) {
	count, closed := 0, false
	code, err := c.region.state.wait(ctx, func() (code native.Code) {
		if closed = c.isClosed.Load(); closed {
			return native.NoCode
		}
		count, code = c.region.state.calls.Pop(c.handle, unsafe.Pointer(unsafe.SliceData(records)), len(records))
		return code
	})
	switch {
	case closed:
		return 0, c.closed()
	case err != nil:
		return 0, err
	case code == native.End:
		return 0, io.EOF
	}
	return count, nil
}
