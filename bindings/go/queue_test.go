package dhmem

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var background = context.Background()

// expired is a context that tries once.
func expired() context.Context {
	ctx, cancel := context.WithDeadline(background, time.Now())
	cancel()
	return ctx
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("%v, not %v", err, kind)
	}
}

func temporary(t *testing.T, options ...Option) *Region {
	t.Helper()
	region := must(Temporary(append([]Option{Size(16 << 20)}, options...)...))
	t.Cleanup(func() { region.Close() })
	return region
}

// ends are both ends of a queue.
func ends(region *Region, name string, options ...QueueOption) (*Producer, *Consumer) {
	queue := region.Queue(name, options...)
	return must(queue.Producer()), must(queue.Consumer())
}

func TestMessagesArriveInOrderUntilTheEnd(t *testing.T) {
	producer, consumer := ends(temporary(t), "steps")
	for _, text := range []string{"one", "", "three"} {
		check(t, producer.Send(background, []byte(text)))
	}
	check(t, producer.End())
	check(t, producer.End())
	want(t, producer.Send(background, nil), ErrQueueEnded)
	var texts []string
	for message := range consumer.All(background) {
		texts = append(texts, message.Text())
	}
	check(t, consumer.Err())
	if !slices.Equal(texts, []string{"one", "", "three"}) || !consumer.Ended() {
		t.Fatal(texts)
	}
	_, err := consumer.Receive(background)
	want(t, err, io.EOF)
}

func TestALoopReleasesWhatItGoesOnFrom(t *testing.T) {
	region := temporary(t)
	producer, consumer := ends(region, "steps")
	for _, text := range []string{"one", "two", "three"} {
		check(t, producer.Send(background, []byte(text)))
	}
	var first *Message
	for message := range consumer.All(background) {
		if first == nil {
			first = message
			continue
		}
		if first.gone == "" {
			t.Error("the first message was not released")
		}
		break
	}
	check(t, consumer.Close())
	check(t, consumer.Close())
	again := must(region.Queue("steps").Consumer())
	message := must(again.Receive(background))
	if message.Text() != "two" {
		t.Fatalf("%s came again, not two", message.Text())
	}
}

func TestBatchesReleaseTheirMessages(t *testing.T) {
	region := temporary(t)
	producer, consumer := ends(region, "steps", Capacity(4096))
	go func() {
		for i := range 10_000 {
			if err := producer.Send(background, []byte{byte(i)}); err != nil {
				t.Error(err)
			}
		}
		producer.End()
	}()
	count := 0
	for batch := range consumer.Batches(background, 100) {
		for i := range batch {
			if batch[i].Bytes()[0] != byte(count) {
				t.Fatal("out of order")
			}
			count++
		}
	}
	check(t, consumer.Err())
	if count != 10_000 {
		t.Fatal(count)
	}
}

func TestADeadlineIsATimeout(t *testing.T) {
	producer, consumer := ends(temporary(t), "steps", Capacity(64))
	ctx, cancel := context.WithTimeout(background, 20*time.Millisecond)
	defer cancel()
	_, err := consumer.Receive(ctx)
	want(t, err, ErrTimeout)
	want(t, err, context.DeadlineExceeded)
	if !strings.HasSuffix(err.Error(), " ms for a message from queue steps; allow more time, or check that the other side is running") {
		t.Error(err)
	}
	check(t, producer.Send(background, make([]byte, 24)))
	check(t, producer.Send(background, make([]byte, 16)))
	want(t, producer.Send(expired(), make([]byte, 24)), ErrTimeout)
	sent, err := producer.TrySend(make([]byte, 24))
	check(t, err)
	if sent {
		t.Error("there was room")
	}
	none := must(consumer.TryReceive())
	check(t, none.Release())
	check(t, must(consumer.TryReceive()).Release())
	if none, err := consumer.TryReceive(); none != nil || err != nil {
		t.Error(none, err)
	}
}

func TestACancelledWaitEndsWithItsCause(t *testing.T) {
	_, consumer := ends(temporary(t), "steps")
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(background)
	go cancel(reason)
	_, err := consumer.Receive(ctx)
	want(t, err, reason)
	ctx, stop := context.WithCancel(background)
	stop()
	_, err = consumer.Receive(ctx)
	want(t, err, context.Canceled)
}

func TestClosingEndsWaits(t *testing.T) {
	region := temporary(t)
	_, one := ends(region, "one")
	_, two := ends(region, "two")
	ended := make(chan error)
	for _, consumer := range []*Consumer{one, two} {
		go func() {
			_, err := consumer.Receive(background)
			ended <- err
		}()
	}
	check(t, one.Close())
	err := <-ended
	want(t, err, ErrClosed)
	if err.Error() != "The consumer of queue one was closed; open a new one" {
		t.Error(err)
	}
	check(t, region.Close())
	want(t, <-ended, ErrClosed)
	_, err = region.Queue("three").Producer()
	want(t, err, ErrClosed)
}

func TestBlocksAreHandedOver(t *testing.T) {
	region := temporary(t)
	producer, consumer := ends(region, "fields")
	block := must(region.Allocate(800_000))
	for i := range View[float64](block) {
		View[float64](block)[i] = 0.5
	}
	check(t, producer.SendBlock(background, []byte("field"), block))
	want(t, producer.SendBlock(background, nil, block), ErrClosed)
	check(t, block.Free())
	message := must(consumer.Receive(background))
	if view := View[float64](message.Block()); len(view) != 100_000 || view[99_999] != 0.5 {
		t.Error("the block has other contents")
	}
	want(t, message.Block().Free(), ErrBadArgument)
	taken := must(message.Take())
	want(t, producer.SendBlock(background, nil, message.carriedBlock()), ErrClosed)
	clone := must(taken.Clone())
	check(t, taken.Free())
	if clone.Len() != 800_000 {
		t.Error(clone.Len())
	}
	_, err := must(consumer.TryReceive()), error(nil)
	check(t, err)
	_, err = region.Allocate(99_000_000)
	want(t, err, ErrRegionFull)
}

func TestASavedBlockThatSomebodyFreedIsGone(t *testing.T) {
	region := temporary(t)
	block := must(region.Allocate(100))
	copy(block.Bytes(), "kept")
	token := must(block.Save())
	loaded := must(region.LoadBlock(token))
	if loaded.Text()[:4] != "kept" {
		t.Error(loaded.Text())
	}
	check(t, region.FreeSaved(token))
	// Its memory may be another block's by now.
	for _, use := range []func(){func() { loaded.Bytes() }, func() { loaded.Text() }, func() { loaded.Len() }, func() { View[float64](loaded) }} {
		func() {
			defer func() {
				err, _ := recover().(error)
				want(t, err, ErrBadHandle)
			}()
			use()
		}()
	}
}

func (m *Message) carriedBlock() *Block { return m.block }

func TestReservationsAreWrittenInPlace(t *testing.T) {
	producer, consumer := ends(temporary(t), "steps", Capacity(1024))
	for _, size := range []int{20, 5000} {
		room := must(producer.Reserve(background, size))
		want(t, producer.Send(background, nil), ErrBadArgument)
		copy(room.Bytes(), "in place")
		want(t, room.Commit(-1), ErrBadArgument)
		check(t, room.Commit(8))
		want(t, room.Commit(8), ErrBadArgument)
		check(t, room.Abort())
		message := must(consumer.Receive(background))
		if message.Text() != "in place" {
			t.Error(message.Text())
		}
		check(t, message.Release())
	}
	room := must(producer.Reserve(background, 20))
	check(t, room.Abort())
	check(t, producer.Send(background, []byte("next")))
}

func TestASendWaitsUntilAReservationThatWasOpenedLaterIsOver(t *testing.T) {
	for how, expected := range map[string]error{"commit": nil, "abort": nil, "close": ErrClosed, "remove": ErrClosed, "deadline": ErrTimeout} {
		t.Run(how, func(t *testing.T) {
			ctx, cancel := context.WithCancel(background)
			if how == "deadline" {
				ctx, cancel = context.WithTimeout(background, 300*time.Millisecond)
			}
			defer cancel()
			room, consumer, sent := reserveDuringSend(ctx, t)
			switch producer := room.producer; how {
			case "commit":
				copy(room.Bytes(), "first")
				check(t, room.Commit(5))
			case "abort":
				check(t, room.Abort())
			case "close":
				check(t, producer.Close())
			case "remove":
				must(producer.region.Remove("steps"))
			}
			var texts []string
			for expected == nil && !slices.Contains(texts, "last") {
				message := must(consumer.Receive(background))
				if message.Text() != "filler" {
					texts = append(texts, message.Text())
				}
				check(t, message.Release())
			}
			if how == "commit" && texts[0] != "first" {
				t.Error(texts)
			}
			if err := <-sent; !errors.Is(err, expected) {
				t.Error(err)
			}
		})
	}
}

// reserveDuringSend returns a reservation that was opened while a Send waited, which has seen it. The channel has its result.
func reserveDuringSend(ctx context.Context, t *testing.T) (*Reservation, *Consumer, chan error) {
	for {
		producer, consumer := ends(temporary(t), "steps", Capacity(64))
		for must(producer.TrySend([]byte("filler"))) {
		}
		sent := make(chan error, 1)
		go func() { sent <- producer.Send(ctx, []byte("last")) }()
		s := producer.region.state
		until(func() bool { s.Lock(); defer s.Unlock(); return s.watched != nil })
		message := must(consumer.Receive(background))
		check(t, message.Release())
		room, err := producer.Reserve(expired(), 8)
		// Otherwise the message was faster.
		if err == nil {
			until(func() bool { s.Lock(); defer s.Unlock(); return producer.heldUp || len(sent) > 0 })
			return room, consumer, sent
		}
	}
}

func until(done func() bool) {
	for !done() {
		time.Sleep(time.Millisecond)
	}
}

func TestAReleasedMessagePanicsWithItsError(t *testing.T) {
	region := temporary(t)
	producer, consumer := ends(region, "steps")
	check(t, producer.Send(background, []byte("x")))
	message := must(consumer.Receive(background))
	check(t, message.Release())
	check(t, message.Release())
	defer func() { want(t, recover().(error), ErrClosed) }()
	message.Bytes()
}

func TestATruncatedFileReadsZeros(t *testing.T) {
	if checksViews {
		t.Skip("checked views are other mappings, without the handler")
	}
	region := temporary(t)
	block := must(region.Allocate(1 << 20))
	bytes := block.Bytes()
	bytes[70_000] = 9
	check(t, os.Truncate(region.Path(), 0))
	if bytes[70_000] != 0 {
		t.Error("not 0")
	}
	_, err := region.Allocate(1)
	want(t, err, ErrTruncated)
}

func TestReceiveAnyRefusesWhatIsNoConsumerOfTheRegion(t *testing.T) {
	region := temporary(t)
	_, consumer := ends(region, "steps")
	_, other := ends(temporary(t), "steps")
	for _, consumers := range [][]*Consumer{{}, {nil}, {consumer, nil}, {nil, consumer}, {consumer, other}} {
		_, err := ReceiveAny(expired(), consumers...)
		want(t, err, ErrBadArgument)
	}
	// The region's lock is free.
	check(t, region.Check())
}

func TestEndpointsAreTaken(t *testing.T) {
	region := temporary(t)
	ends(region, "steps")
	_, err := region.Queue("steps").Producer()
	want(t, err, ErrEndpointTaken)
	if !strings.HasPrefix(err.Error(), "Queue steps already has a producer") || errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	_, err = Open("../x")
	want(t, err, ErrBadArgument)
	_, err = Open("none", InMode(OpenExisting))
	want(t, err, ErrNotFound)
}

func TestManyAreSentAtOnceAsFarAsThereIsRoom(t *testing.T) {
	region := temporary(t)
	producer, consumer := ends(region, "steps", Capacity(4096))
	// More than one call of C takes, one that has no bytes, and one that travels as a block.
	messages := [][]byte{nil, make([]byte, 1_000_000)}
	for i := range 300 {
		messages = append(messages, []byte{byte(i)})
	}
	sent := must(producer.SendMany(messages))
	if sent < 100 || sent == len(messages) {
		t.Fatal(sent)
	}
	received := 0
	for sent < len(messages) || received < sent {
		for message := must(consumer.TryReceive()); message != nil; message = must(consumer.TryReceive()) {
			if !slices.Equal(message.Bytes(), messages[received]) {
				t.Fatalf("message %d has %d bytes", received, message.Len())
			}
			check(t, message.Release())
			received++
		}
		sent += must(producer.SendMany(messages[sent:]))
	}
	if sent := must(producer.SendMany(nil)); sent != 0 || received != len(messages) {
		t.Fatal(sent, received)
	}
	check(t, producer.End())
	_, err := producer.SendMany(messages)
	want(t, err, ErrQueueEnded)
}
