package workflow

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	"dhmem"
)

// Input is a named input of a task. From Task.Input. With several links, it takes messages from each in turn, and ends when
// all of them have ended. It waits for a task that is restarted.
type Input struct {
	task      *Task
	name      string
	receivers []*receiver
	// The receiver to ask first.
	next int
	err  error
}

// Name is the input's name.
func (i *Input) Name() string { return i.name }

// Receive waits for the next message; io.EOF when all links have ended. Release it.
func (i *Input) Receive(ctx context.Context) (*dhmem.Message, error) {
	both, done := i.task.ending(ctx)
	defer done()
	_, isLimited := ctx.Deadline()
	i.count(1, isLimited)
	defer i.count(^uint32(0), isLimited)
	defer i.noteEnds()
	i.next = (i.next + 1) % len(i.receivers)
	var open []*dhmem.Consumer
	for _, each := range slices.Concat(i.receivers[i.next:], i.receivers[:i.next]) {
		if !each.hasEnded() {
			open = append(open, each.consumer)
		}
	}
	if open == nil {
		return nil, io.EOF
	}
	return dhmem.ReceiveAny(both, open...)
}

// count notes a wait or its end, so that `dhmem run` can name tasks that are stuck.
func (i *Input) count(by uint32, isLimited bool) {
	for _, each := range i.receivers {
		each.count(by, func(noted *notes) *uint32 {
			if isLimited {
				return &noted.Polling
			}
			return &noted.Receiving
		})
	}
}

func (i *Input) noteEnds() {
	for _, each := range i.receivers {
		each.noteEnd(i.task)
	}
}

// All receives messages to the end, and releases each when the loop goes on. Look at Err afterwards.
func (i *Input) All(ctx context.Context) iter.Seq[*dhmem.Message] {
	return func(yield func(*dhmem.Message) bool) {
		for {
			message, err := i.Receive(ctx)
			if err == nil && !yield(message) {
				i.err = nil
				return
			}
			if err == nil {
				err = message.Release()
			}
			if err != nil {
				i.err = err
				if errors.Is(err, io.EOF) {
					i.err = nil
				}
				return
			}
		}
	}
}

// Err returns what has ended the last All, unless that was the end of the streams.
func (i *Input) Err() error { return i.err }

func (i *Input) close() (err error) {
	for _, each := range i.receivers {
		err = errors.Join(err, each.consumer.Close())
	}
	return err
}

// Output is a named output of a task. From Task.Output. With several links, it sends every message to each of them, through
// separate queues. It waits for a task that is restarted.
type Output struct {
	task    *Task
	name    string
	senders []*sender
}

// Name is the output's name.
func (o *Output) Name() string { return o.name }

// Send sends data to every link, and waits for room on links with the policy block. If it fails on one link, others may have
// the message already.
func (o *Output) Send(ctx context.Context, data []byte) error { return o.send(ctx, data, nil) }

// SendBlock sends data and hands over a block without a copy; each link gets a reference of its own. If it fails, the block
// still belongs to this task.
func (o *Output) SendBlock(ctx context.Context, data []byte, block *dhmem.Block) error {
	if block == nil {
		return &dhmem.Error{Code: dhmem.ErrBadArgument.Code, Message: "block is nil; it must be a block of this region"}
	}
	return o.send(ctx, data, block)
}

func (o *Output) send(ctx context.Context, data []byte, block *dhmem.Block) error {
	both, done := o.task.ending(ctx)
	defer done()
	_, isLimited := ctx.Deadline()
	size := len(data)
	if block != nil {
		size += block.Len()
	}
	several := len(o.senders) > 1
	for _, each := range o.senders {
		if err := each.send(both, data, block, several, isLimited); err != nil {
			return err
		}
		if noted, err := alive(each.notes); err == nil {
			noted.Bytes += float64(size)
		}
	}
	if block != nil && several {
		return block.Free()
	}
	return nil
}

func (s *sender) send(ctx context.Context, data []byte, block *dhmem.Block, several, isLimited bool) error {
	switch {
	case s.producer == nil && block != nil && !several:
		return block.Free()
	case s.producer == nil:
		return nil
	}
	if !isLimited {
		sending := func(noted *notes) *uint32 { return &noted.Sending }
		s.count(1, sending)
		defer s.count(^uint32(0), sending)
	}
	if block == nil {
		return s.producer.Send(ctx, data)
	}
	if !several {
		return s.producer.SendBlock(ctx, data, block)
	}
	part, err := block.Clone()
	if err != nil {
		return err
	}
	if err := s.producer.SendBlock(ctx, data, part); err != nil {
		return errors.Join(err, part.Free())
	}
	return nil
}

// End ends every link. The consumers receive what was sent, and then see the end.
func (o *Output) End() (err error) {
	for _, each := range o.senders {
		err = errors.Join(err, each.finish(o.task))
	}
	return err
}

func (o *Output) close() (err error) {
	for _, each := range o.senders {
		if each.producer != nil {
			err = errors.Join(err, each.producer.Close())
		}
	}
	return err
}
