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

// What processes do, as progress says.
const (
	exchanging = iota
	receiving
	ending
	sending
)

// exchanger sends and receives numbers, until it is killed or told to stop.
type exchanger struct {
	// Of each queue, the last number that was sent, the last that was received, and how many came again; and behind
	// them what to do, the number of a message to leave out, and that of one to change.
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

func (e *exchanger) phase() int { return int(e.progress[len(e.progress)-3]) }

// change changes the last byte if this is the message to change.
func (e *exchanger) change(number int, data []byte) {
	if float64(number) == e.progress[len(e.progress)-1] {
		data[len(data)-1] ^= 1
	}
}

func (e *exchanger) send() error {
	number := int(e.progress[3*e.out]) + 1
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if float64(number) == e.progress[len(e.progress)-2] {
		// It is left out.
	} else if number%7 != 0 {
		data := content(number)
		e.change(number, data)
		if err := e.producer.Send(ctx, data); err != nil {
			return err
		}
	} else {
		block, err := allocate(1000+number%5000, number)
		if err != nil {
			return err
		}
		e.change(number, block.Bytes())
		if err := e.producer.SendBlock(ctx, content(number), block); err != nil {
			return errors.Join(err, block.Free())
		}
	}
	e.progress[3*e.out] = float64(number)
	return nil
}

// check says what is wrong with a message. The last may come again after a side was killed.
func (e *exchanger) check(message *dhmem.Message) error {
	number := int(dhmem.View[float64](message)[0])
	last := int(e.progress[3*e.in+1])
	wrong := fmt.Errorf("wrong: %d after %d, %d bytes", number, last, message.Len())
	if number != last && number != last+1 || !bytes.Equal(content(number), message.Bytes()) {
		return wrong
	}
	if (number%7 == 0) != (message.Block() != nil) {
		return wrong
	}
	if block := message.Block(); block != nil {
		if want := fmt.Sprintf("%d times %d", 1000+number%5000, number&0xff); describe(block.Bytes()) != want {
			return wrong
		}
	}
	if number == last {
		e.progress[3*e.in+2]++
	}
	e.progress[3*e.in+1] = float64(number)
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
		for phase := e.phase(); phase == exchanging || phase == sending; phase = e.phase() {
			if err := e.send(); err != nil && !errors.Is(err, dhmem.ErrTimeout) {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for {
		phase := e.phase()
		if phase == sending {
			time.Sleep(time.Millisecond)
			continue
		}
		err := e.receive()
		if err != nil && !errors.Is(err, dhmem.ErrTimeout) {
			return err
		}
		if err != nil && phase == ending {
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
