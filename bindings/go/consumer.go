package dhmem

import (
	"context"
	"errors"
	"io"
	"iter"
	"runtime"
	"sync/atomic"

	"dhmem/internal/native"
)

// Consumer is the receiving end of a queue. From Queue.Consumer. Goroutines may receive through it at the same time.
type Consumer struct {
	endpoint
	handle native.Consumer
	ended  atomic.Bool
	err    error
}

// Consumer opens the receiving end: ErrEndpointTaken if there is a consumer already.
func (q *Queue) Consumer() (*Consumer, error) {
	if q.err != nil {
		return nil, q.err
	}
	s := q.region.state
	s.Lock()
	defer s.Unlock()
	handle, code := s.calls.OpenConsumer(q.name, q.options.QueueOptions)
	if code != native.OK {
		return nil, failed(s.calls, code)
	}
	c := &Consumer{endpoint: endpoint{region: q.region, name: q.name, what: "The consumer of queue " + q.name, removed: s.removal(q.name)}, handle: handle}
	c.cleanup = runtime.AddCleanup(c, func(handle native.Consumer) { closeLater(s, s.calls.CloseConsumer, handle) }, handle)
	return c, nil
}

// Close leaves the endpoint. Messages that were not released are delivered again, to the next consumer.
func (c *Consumer) Close() error {
	return c.closeOnce(func(calls *native.Calls) { calls.CloseConsumer(c.handle) })
}

// receive calls `attempt`, which fills in a message, with the lock, until there is one.
func (c *Consumer) receive(ctx context.Context, attempt func(calls *native.Calls) native.Code) error {
	closed := false
	code, err := c.region.state.wait(ctx, func() native.Code {
		if closed = c.isClosed.Load(); closed {
			return native.NoCode
		}
		return attempt(c.region.state.calls)
	})
	if closed {
		return c.closed()
	}
	return c.received(code, err)
}

func (c *Consumer) received(code native.Code, err error) error {
	if code == native.End {
		c.ended.Store(true)
		return io.EOF
	}
	return err
}

// Receive waits for the next message. After the last one of a stream, that is io.EOF. ErrTimeout after the context's
// deadline, ErrPeerGone if the producer has left or died without ending the stream, and the context's own error if it is
// cancelled. Release the message, to give its room in the queue back.
func (c *Consumer) Receive(ctx context.Context) (*Message, error) {
	message := &Message{consumer: c}
	if err := c.receive(ctx, message.fill); err != nil {
		return nil, err
	}
	return message, nil
}

// ReceiveAny waits for a message from any of these consumers, which are of one region; the first that has one is taken. Only
// io.EOF when all streams have ended; Message.Queue says where it comes from.
func ReceiveAny(ctx context.Context, consumers ...*Consumer) (*Message, error) {
	if len(consumers) == 0 {
		return nil, badArgument("consumers", consumers, "at least one")
	}
	for _, each := range consumers {
		switch {
		case each == nil:
			return nil, badArgument("consumers", nil, "open consumers")
		case each.region != consumers[0].region:
			return nil, badArgument("consumers", each.name, "a queue of the same region as the others")
		}
	}
	region := consumers[0].region
	message := &Message{}
	var wrong error
	code, err := region.state.wait(ctx, func() native.Code {
		result := native.End
		for _, each := range consumers {
			code := native.End
			if each.isClosed.Load() {
				wrong = each.closed()
				return native.NoCode
			} else if !each.ended.Load() {
				message.consumer = each
				code = message.fill(region.state.calls)
			}
			switch code {
			case native.End:
				each.ended.Store(true)
			case native.Timeout:
				result = code
			default:
				return code
			}
		}
		return result
	})
	switch {
	case wrong != nil:
		return nil, wrong
	case err != nil:
		return nil, err
	case code == native.End:
		return nil, io.EOF
	}
	return message, nil
}

// TryReceive returns the next message if there is one; else nil, or io.EOF after the last one of a stream.
func (c *Consumer) TryReceive() (*Message, error) {
	s := c.region.state
	s.Lock()
	defer s.Unlock()
	if c.isClosed.Load() {
		return nil, c.closed()
	}
	message := &Message{consumer: c}
	code := message.fill(s.calls)
	if code == native.Timeout {
		return nil, nil
	}
	code, err := s.result(code)
	if err = c.received(code, err); err != nil {
		return nil, err
	}
	return message, nil
}

// Ended says whether the end of the stream was received.
func (c *Consumer) Ended() bool { return c.ended.Load() }

// Err returns what has ended the last All or Batches, unless that was the end of the stream.
func (c *Consumer) Err() error {
	c.region.state.Lock()
	defer c.region.state.Unlock()
	return c.err
}

func (c *Consumer) stopped(err error) {
	c.region.state.Lock()
	defer c.region.state.Unlock()
	c.err = nil
	if !errors.Is(err, io.EOF) {
		c.err = err
	}
}

// All receives messages to the end of the stream. Each is released when the loop goes on; a loop that is left by break,
// return or panic leaves its message unreleased. Look at Err afterwards.
//
//	for message := range steps.All(ctx) {
//		fmt.Println(message.Text())
//	}
//	if err := steps.Err(); err != nil {
//		return err
//	}
func (c *Consumer) All(ctx context.Context) iter.Seq[*Message] {
	return func(yield func(*Message) bool) {
		message, err := c.Receive(ctx)
		for err == nil && yield(message) {
			message, err = c.next(ctx, message)
		}
		c.stopped(err)
	}
}

// next releases a message and receives the next one, in one call of C where that is possible.
func (c *Consumer) next(ctx context.Context, last *Message) (*Message, error) {
	message := &Message{consumer: c}
	err := c.receive(ctx, func(calls *native.Calls) native.Code {
		if last.gone != "" {
			return message.fill(calls)
		}
		next, code := calls.Next(c.handle, last.position)
		if code == native.OK || code == native.End || code == native.Timeout {
			last.finish("was released")
		}
		if code == native.OK {
			message.set(next)
		}
		return code
	})
	if err != nil {
		return nil, err
	}
	return message, nil
}

// Batches receives messages to the end of the stream, up to `most` at a time, which costs less for each. They are released
// when the loop goes on, and the slice is used again for the next ones. Look at Err afterwards.
func (c *Consumer) Batches(ctx context.Context, most int) iter.Seq[[]Message] {
	return func(yield func([]Message) bool) {
		most := max(1, min(most, native.MostMessages))
		messages := make([]Message, most)
		positions := make([]uint32, 0, most)
		for {
			count := 0
			err := c.receive(ctx, func(calls *native.Calls) (code native.Code) {
				count, code = calls.ReceiveMany(c.handle, most)
				for i := range count {
					messages[i].consumer = c
					messages[i].set(calls.Received(i))
				}
				return code
			})
			if err == nil && !yield(messages[:count]) {
				c.stopped(nil)
				return
			}
			if err == nil {
				err = c.releaseAll(messages[:count], positions)
			}
			if err != nil {
				c.stopped(err)
				return
			}
		}
	}
}

func (c *Consumer) releaseAll(messages []Message, positions []uint32) error {
	s := c.region.state
	s.Lock()
	defer s.Unlock()
	if c.isClosed.Load() {
		return c.closed()
	}
	for i := range messages {
		if messages[i].gone == "" {
			positions = append(positions, messages[i].position)
			messages[i].finish("was released")
		}
	}
	if code := s.calls.ReleaseMany(c.handle, positions); code != native.OK {
		return failed(s.calls, code)
	}
	return nil
}
