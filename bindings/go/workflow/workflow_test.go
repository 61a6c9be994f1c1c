package workflow

import (
	"context"
	"errors"
	"strings"
	"testing"

	"dhmem"
)

// tasks opens tasks of one workflow, by the values of DHMEM_LINKS.
func tasks(t *testing.T, links map[string]string) map[string]*Task {
	t.Helper()
	folder := t.TempDir()
	opened := map[string]*Task{}
	for name, text := range links {
		variables := map[string]string{
			"DHMEM_TASK": name, "DHMEM_REGION": "flow", "DHMEM_DIR": folder, "DHMEM_LINKS": text, "DHMEM_SIZE": "16MiB",
		}
		look := func(name string) (string, bool) {
			value, ok := variables[name]
			return value, ok
		}
		task, err := from(look)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { task.Close() })
		opened[name] = task
	}
	return opened
}

func TestAnOutputGoesToEachLinkAndAnInputComesFromEach(t *testing.T) {
	opened := tasks(t, map[string]string{
		"one":  "out=one.out>sink.in,out=one.out>other.in;policy=drop-oldest;keep=3",
		"two":  "out=two.out>sink.in;capacity=4KiB",
		"sink": "in=one.out>sink.in,in=two.out>sink.in",
	})
	for _, name := range []string{"one", "two"} {
		output, err := opened[name].Output("out")
		if err != nil {
			t.Fatal(err)
		}
		block, err := opened[name].Region().Allocate(1000)
		if err == nil {
			err = output.SendBlock(context.Background(), []byte(name), block)
		}
		if err == nil {
			err = output.End()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	input, err := opened["sink"].Input("in")
	if err != nil {
		t.Fatal(err)
	}
	received := map[string]int{}
	for message := range input.All(context.Background()) {
		received[message.Text()+" "+message.Queue()] += message.Block().Len()
	}
	if input.Err() != nil || received["one one.out>sink.in"] != 1000 || received["two two.out>sink.in"] != 1000 || len(received) != 2 {
		t.Error(input.Err(), received)
	}
}

func TestTheTaskEndsItsWaits(t *testing.T) {
	task := tasks(t, map[string]string{"sink": "in=one.out>sink.in"})["sink"]
	input, err := task.Input("in")
	if err != nil {
		t.Fatal(err)
	}
	reason := errors.New("stopped")
	go task.end(reason)
	if _, err := input.Receive(context.Background()); !errors.Is(err, reason) {
		t.Error(err)
	}
	if _, err := task.Input("missing"); !errors.Is(err, dhmem.ErrNotFound) || !strings.Contains(err.Error(), "(its inputs in DHMEM_LINKS: in)") {
		t.Error(err)
	}
}

func TestWrongLinksAreRefused(t *testing.T) {
	for _, text := range []string{
		"x", "in=one.out>sink", "in=one.out>sink.in;policy=never", "in=one.out>sink.in;keep=3", "in=one.out>sink.in;x=1",
		"in=one.out>sink.in;policy=latest;policy=latest", "in=one.out>sink.in,in=one.out>sink.in", "in=one.out>two.in",
		"in=one.out>sink.in;capacity=much", "in=one.out>sink.in;policy=drop-oldest;keep=x",
	} {
		variables := map[string]string{"DHMEM_TASK": "sink", "DHMEM_REGION": "flow", "DHMEM_LINKS": text}
		look := func(name string) (string, bool) {
			value, ok := variables[name]
			return value, ok
		}
		if _, err := readEnvironment(look); !errors.Is(err, dhmem.ErrBadArgument) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
