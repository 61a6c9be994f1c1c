// Command bench answers each line with the nanoseconds that a message of 64 bytes takes here: to send, to receive and
// release, and to receive and release with others in batches. bench.mjs runs it beside Node.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"dhmem"
)

const (
	messages = 4000
	rounds   = 25
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// bench sends so many messages, and receives them by `receive`. Returns nanoseconds for each.
func bench(producer *dhmem.Producer, receive func(ctx context.Context)) (sending, receiving float64) {
	ctx := context.Background()
	data := make([]byte, 64)
	for range rounds {
		begun := time.Now()
		for range messages {
			if err := producer.Send(ctx, data); err != nil {
				log.Fatal(err)
			}
		}
		sent := time.Now()
		receive(ctx)
		sending += float64(sent.Sub(begun))
		receiving += float64(time.Since(sent))
	}
	return sending / (messages * rounds), receiving / (messages * rounds)
}

func main() {
	region := must(dhmem.Temporary())
	defer region.Close()
	queue := region.Queue("bench")
	producer, consumer := must(queue.Producer()), must(queue.Consumer())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		sending, single := bench(producer, func(ctx context.Context) {
			count := 0
			for message := range consumer.All(ctx) {
				if count++; count == messages {
					// A loop that is left does not release its message.
					must(0, message.Release())
					break
				}
			}
		})
		_, batched := bench(producer, func(ctx context.Context) {
			count := 0
			for batch := range consumer.Batches(ctx, 250) {
				if count += len(batch); count == messages {
					for i := range batch {
						must(0, batch[i].Release())
					}
					break
				}
			}
		})
		fmt.Println(sending, single, batched)
	}
}
