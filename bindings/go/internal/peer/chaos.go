package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"dhmem"
)

// Of each of 4 queues, the last number that was sent and received; and behind them, whether to stop.
const stop = 8

// exchanger sends and receives numbers, until it is killed or told to stop.
type exchanger struct {
	progress []float64
	out, in  int
	producer *dhmem.Producer
	consumer *dhmem.Consumer
}

// content is a message: its number, and number % 200 bytes.
func content(number int) []byte {
	head := binary.NativeEndian.AppendUint64(nil, math.Float64bits(float64(number)))
	return append(head, bytes.Repeat([]byte{byte(number)}, number%200)...)
}

func (e *exchanger) send() error {
	number := int(e.progress[2*e.out]) + 1
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if number%7 != 0 {
		if err := e.producer.Send(ctx, content(number)); err != nil {
			return err
		}
	} else {
		block, err := allocate(1000+number%5000, number)
		if err != nil {
			return err
		}
		if err := e.producer.SendBlock(ctx, content(number), block); err != nil {
			return errors.Join(err, block.Free())
		}
	}
	e.progress[2*e.out] = float64(number)
	return nil
}

// check says what is wrong with a message. One may come again after its receiver was killed.
func (e *exchanger) check(message *dhmem.Message) error {
	number := int(dhmem.View[float64](message)[0])
	last := int(e.progress[2*e.in+1])
	if number > last+1 || !bytes.Equal(content(number), message.Bytes()) {
		return fmt.Errorf("wrong: %d after %d, %d bytes", number, last, message.Len())
	}
	if (number%7 == 0) != (message.Block() != nil) {
		return fmt.Errorf("wrong: a block is missing in %d", number)
	}
	if block := message.Block(); block != nil {
		if want := fmt.Sprintf("%d times %d", 1000+number%5000, number&0xff); describe(block.Bytes()) != want {
			return fmt.Errorf("wrong: the block is %s, not %s", describe(block.Bytes()), want)
		}
	}
	if number > last {
		e.progress[2*e.in+1] = float64(number)
	}
	return nil
}

func (e *exchanger) receive() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	message, err := e.consumer.Receive(ctx)
	if err != nil {
		return err
	}
	return errors.Join(e.check(message), message.Release())
}

// run sends and receives at the same time, and then receives what is left.
func (e *exchanger) run() error {
	sent := make(chan error, 1)
	go func() {
		for e.progress[stop] == 0 {
			if err := e.send(); err != nil && !errors.Is(err, dhmem.ErrTimeout) {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for {
		err := e.receive()
		if err != nil && !errors.Is(err, dhmem.ErrTimeout) {
			return err
		}
		if err != nil && e.progress[stop] == 2 {
			return <-sent
		}
	}
}

// chaos OUT IN: the numbers of the queues.
func chaos(l line) (string, error) {
	progress, err := dhmem.OpenArray[float64](region, "progress")
	if err != nil {
		return "", err
	}
	e := &exchanger{progress: progress.Data(), in: int(l.number(0))}
	e.out, _ = strconv.Atoi(l.name)
	options := []dhmem.QueueOption{dhmem.Capacity(4096), dhmem.Patient()}
	if e.producer, err = region.Queue(fmt.Sprintf("queue-%d", e.out), options...).Producer(); err != nil {
		return "", err
	}
	if e.consumer, err = region.Queue(fmt.Sprintf("queue-%d", e.in), options...).Consumer(); err != nil {
		return "", err
	}
	return "exchanged", e.run()
}
