package workflow

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"sync/atomic"

	"dhmem"
)

// Input is a named input of a task. From Task.Input. With several links, it takes messages from each in turn, and ends when
// all of them have ended. It waits for a task that is restarted.
type Input struct {
	task      *Task
	name      string
	consumers []*dhmem.Consumer
	notes     []*dhmem.Struct[notes]
	// The consumer to ask first.
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
	defer i.waits(isLimited)()
	i.next = (i.next + 1) % len(i.consumers)
	return dhmem.ReceiveAny(both, append(slices.Clone(i.consumers[i.next:]), i.consumers[:i.next]...)...)
}

// waits notes a wait, so that `dhmem run` can name tasks that are stuck. Returns what notes its end.
func (i *Input) waits(isLimited bool) func() {
	count := func(by uint32) {
		for _, each := range i.notes {
			if live, err := alive(each); err == nil && isLimited {
				atomic.AddUint32(&live.Polling, by)
			} else if err == nil {
				atomic.AddUint32(&live.Receiving, by)
			}
		}
	}
	count(1)
	return func() { count(^uint32(0)) }
}

// alive is the notes in the region, if they can still be written.
func alive(of *dhmem.Struct[notes]) (live *notes, err error) {
	defer func() {
		panicked := recover()
		if failure, ok := panicked.(*dhmem.Error); ok {
			err = failure
		} else if panicked != nil {
			panic(panicked)
		}
	}()
	return of.Live(), nil
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
	for _, each := range i.consumers {
		err = errors.Join(err, each.Close())
	}
	return err
}

// Output is a named output of a task. From Task.Output. With several links, it sends every message to each of them, through
// separate queues. It waits for a task that is restarted.
type Output struct {
	task      *Task
	name      string
	producers []*dhmem.Producer
	notes     []*dhmem.Struct[notes]
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
	several := len(o.producers) > 1
	for index, producer := range o.producers {
		if err := o.sendTo(both, index, producer, data, block, several, isLimited); err != nil {
			return err
		}
		if live, err := alive(o.notes[index]); err == nil {
			live.Bytes += float64(size)
		}
	}
	if block != nil && several {
		return block.Free()
	}
	return nil
}

func (o *Output) sendTo(ctx context.Context, index int, producer *dhmem.Producer, data []byte, block *dhmem.Block, several, isLimited bool) error {
	if live, err := alive(o.notes[index]); err == nil && !isLimited {
		atomic.AddUint32(&live.Sending, 1)
		defer func() {
			if live, err := alive(o.notes[index]); err == nil {
				atomic.AddUint32(&live.Sending, ^uint32(0))
			}
		}()
	}
	if block == nil {
		return producer.Send(ctx, data)
	}
	if !several {
		return producer.SendBlock(ctx, data, block)
	}
	part, err := block.Clone()
	if err != nil {
		return err
	}
	if err := producer.SendBlock(ctx, data, part); err != nil {
		return errors.Join(err, part.Free())
	}
	return nil
}

// End ends every link. The consumers receive what was sent, and then see the end.
func (o *Output) End() (err error) {
	for _, each := range o.producers {
		err = errors.Join(err, each.End())
	}
	return err
}

func (o *Output) close() (err error) {
	for _, each := range o.producers {
		err = errors.Join(err, each.Close())
	}
	return err
}
