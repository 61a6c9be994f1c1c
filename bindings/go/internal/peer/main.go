// Command peer is a participant in Go that a test drives by the commands of test/c/peer.c: each line is a command, and each
// answer is a line.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"dhmem"
)

var (
	region     *dhmem.Region
	producers  = map[string]*dhmem.Producer{}
	consumers  = map[string]*dhmem.Consumer{}
	mutexes    = map[string]*dhmem.Mutex{}
	locked     = map[string]*dhmem.Held{}
	blocks     = map[string]*dhmem.Block{}
	conditions = map[string]*dhmem.Condition{}
	kept       []*dhmem.Message
	// Milliseconds for waits whose commands have none.
	patience = -1.0
	// The limit of the last wait: what an error says is a little less, as the context began before the wait.
	limit  float64
	waited = regexp.MustCompile(`^Waited \d+ ms`)
)

// line is a command: its name, the thing it is about, and the rest of the line.
type line struct {
	command, name, rest string
	// The rest as words.
	words []string
}

func (l line) number(index int) float64 {
	if index >= len(l.words) {
		return 0
	}
	value, _ := strconv.ParseFloat(l.words[index], 64)
	return value
}

// text is the rest behind so many words.
func (l line) text(words int) string {
	parts := strings.SplitN(l.rest, " ", words+1)
	if len(parts) <= words {
		return ""
	}
	return parts[words]
}

// within is a context of so many milliseconds; without a limit if they are negative.
func within(milliseconds float64) context.Context {
	if milliseconds < 0 {
		return context.Background()
	}
	limit = milliseconds
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(milliseconds*1e6))
	context.AfterFunc(ctx, cancel)
	return ctx
}

func describe(bytes []byte) string {
	for _, each := range bytes {
		if each != bytes[0] {
			return "mixed"
		}
	}
	if len(bytes) == 0 {
		return "0 times 0"
	}
	return fmt.Sprintf("%d times %d", len(bytes), bytes[0])
}

func openEnd(l line, options ...dhmem.QueueOption) (err error) {
	queue := region.Queue(l.name, options...)
	if strings.HasSuffix(l.command, "producer") {
		producers[l.name], err = queue.Producer()
	} else {
		consumers[l.name], err = queue.Consumer()
	}
	return err
}

func leave(l line) error {
	if p := producers[l.name]; p != nil {
		p.Close()
	}
	if c := consumers[l.name]; c != nil {
		c.Close()
	}
	delete(producers, l.name)
	delete(consumers, l.name)
	return nil
}

func receive(l line) (string, error) {
	message, err := consumers[l.name].Receive(within(l.number(0)))
	if err != nil {
		return "", err
	}
	text := "message " + message.Text()
	if message.Len() > 100 {
		text = describe(message.Bytes())
	}
	if block := message.Block(); block != nil {
		text += ", block " + describe(block.Bytes())
	}
	switch l.command {
	case "receive":
		err = message.Release()
	case "take":
		var block *dhmem.Block
		if block, err = message.Take(); err == nil {
			err = block.Free()
		}
	default:
		kept = append(kept, message)
	}
	return text, err
}

func allocate(length, value int) (*dhmem.Block, error) {
	block, err := region.Allocate(length)
	if err == nil {
		bytes := block.Bytes()
		for i := range bytes {
			bytes[i] = byte(value)
		}
	}
	return block, err
}

func sendBlock(l line) error {
	block, err := allocate(int(l.number(0)), int(l.number(1)))
	if err != nil {
		return err
	}
	return producers[l.name].SendBlock(within(patience), []byte(l.text(2)), block)
}

func reserve(l line) error {
	room, err := producers[l.name].Reserve(within(patience), len(l.rest)+5)
	if err != nil {
		return err
	}
	return room.Commit(copy(room.Bytes(), l.rest))
}

func flood(l line) error {
	for range int(l.number(0)) {
		if err := producers[l.name].Send(within(patience), make([]byte, int(l.number(1)))); err != nil {
			return err
		}
	}
	return nil
}

func count(l line) (string, error) {
	messages, bytes := 0, 0
	for batch := range consumers[l.name].Batches(context.Background(), 100) {
		for i := range batch {
			messages++
			bytes += batch[i].Len()
		}
	}
	return fmt.Sprintf("%d messages, %d bytes", messages, bytes), consumers[l.name].Err()
}

// echo receives messages, and sends each back.
func echo(l line) (last string, err error) {
	consumer := consumers[l.name]
	left := int(l.number(0))
	for message := range consumer.All(context.Background()) {
		last = message.Text()
		if err := producers[l.name+"-back"].Send(context.Background(), message.Bytes()); err != nil {
			return last, err
		}
		if left--; left == 0 {
			return last, message.Release()
		}
	}
	return last, consumer.Err()
}

func lock(l line) (text string, err error) {
	mutex := mutexes[l.name]
	if mutex == nil {
		if mutex, err = region.Mutex(l.name); err != nil {
			return "", err
		}
		mutexes[l.name] = mutex
	}
	held, err := mutex.Lock(within(l.number(0)))
	if err != nil {
		return "", err
	}
	locked[l.name] = held
	if held.Abandoned {
		return "abandoned", nil
	}
	return "locked", nil
}

func answer(l line) (text string, err error) {
	text, known := map[string]string{
		"producer": "producer", "consumer": "consumer", "mail-producer": "producer", "mail-consumer": "consumer",
		"send": "sent", "reserve": "sent", "block": "sent", "large": "sent", "flood": "sent", "end": "ended",
		"open": "open", "close": "closed", "leave": "left", "unlock": "unlocked", "patience": "patient", "trim": "trimmed",
	}[l.command]
	if !known {
		return answerMore(l)
	}
	switch l.command {
	case "open":
		region, err = dhmem.OpenPath(l.name, dhmem.Size(16<<20), dhmem.Label(l.rest))
	case "close":
		err = region.Close()
	case "producer", "consumer":
		err = openEnd(l, dhmem.Capacity(uint64(l.number(0))))
	case "mail-producer", "mail-consumer":
		policy := dhmem.DropOldest(int(l.number(0)))
		if l.number(0) == 0 {
			policy = dhmem.Latest()
		}
		err = openEnd(l, policy)
	case "leave":
		err = leave(l)
	case "send":
		err = producers[l.name].Send(within(patience), []byte(l.rest))
	case "reserve":
		err = reserve(l)
	case "block":
		err = sendBlock(l)
	case "large":
		err = producers[l.name].Send(within(patience), []byte(strings.Repeat(string([]byte{byte(l.number(1))}), int(l.number(0)))))
	case "flood":
		err = flood(l)
	case "end":
		err = producers[l.name].End()
	case "unlock":
		err = locked[l.name].Unlock()
	case "patience":
		patience, err = strconv.ParseFloat(l.name, 64)
	case "trim":
		_, err = region.Trim()
	}
	return text, err
}

func answerMore(l line) (string, error) {
	switch l.command {
	case "receive", "hold", "take":
		return receive(l)
	case "count":
		return count(l)
	case "echo":
		return echo(l)
	case "lock":
		return lock(l)
	case "remove":
		removed, err := region.Remove(l.name)
		if !removed {
			return "not there", err
		}
		return "removed", err
	case "die":
		return "", syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "chaos":
		return chaos(l)
	}
	return answerObjects(l)
}

// answerSafely answers with the error of what has panicked with one.
func answerSafely(l line) (text string, err error) {
	defer func() {
		panicked := recover()
		if failure, ok := panicked.(*dhmem.Error); ok {
			err = failure
		} else if panicked != nil {
			panic(panicked)
		}
	}()
	return answer(l)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		parts := append(strings.SplitN(lines.Text(), " ", 3), "", "")
		l := line{parts[0], parts[1], parts[2], strings.Fields(parts[2])}
		text, err := answerSafely(l)
		var failure *dhmem.Error
		switch {
		case errors.Is(err, io.EOF):
			text = "end"
		case errors.As(err, &failure):
			text = failure.Code + " " + waited.ReplaceAllString(failure.Message, fmt.Sprintf("Waited %g ms", limit))
		case err != nil:
			text = err.Error()
		}
		fmt.Println(text)
	}
}
