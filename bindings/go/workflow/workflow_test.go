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

// again opens a task of a workflow in this folder, as a process of its own would.
func again(t *testing.T, folder, name, runner string) *Task {
	t.Helper()
	variables := map[string]string{
		"DHMEM_TASK": name, "DHMEM_REGION": "flow", "DHMEM_DIR": folder, "DHMEM_LINKS": "x=a.x>b.x", "DHMEM_SIZE": "16MiB",
		"DHMEM_RUNNER": runner,
	}
	task, err := from(func(name string) (string, bool) { return variables[name], true })
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// fail ends a task as a failing process would: it closes nothing, and nothing of this process is known to the next one.
func (t *Task) fail() {
	t.end(errors.New("failed"))
	ownEnds.Clear()
	t.region.Close()
}

// sent sends and ends.
func sent(t *testing.T, task *Task, text string) {
	t.Helper()
	output, err := task.Output("x")
	if err == nil {
		err = errors.Join(output.Send(context.Background(), []byte(text)), output.End())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// texts are what a task receives up to the end.
func texts(t *testing.T, task *Task) string {
	t.Helper()
	input, err := task.Input("x")
	if err != nil {
		t.Fatal(err)
	}
	var received []string
	for message := range input.All(context.Background()) {
		received = append(received, message.Text())
	}
	if input.Err() != nil {
		t.Fatal(input.Err())
	}
	return strings.Join(received, " ")
}

func TestATaskThatFailedAfterItHasReadAnEndSeesItAgain(t *testing.T) {
	folder := t.TempDir()
	a := again(t, folder, "a", "")
	sent(t, a, "only")
	a.Close()
	for run, wanted := range []string{"only", "", ""} {
		b := again(t, folder, "b", "")
		if received := texts(t, b); received != wanted {
			t.Fatalf("run %d: %q", run, received)
		}
		if run < 2 {
			b.fail()
		} else {
			b.Close()
		}
	}
	a = again(t, folder, "a", "")
	sent(t, a, "next")
	a.Close()
	b := again(t, folder, "b", "")
	defer b.Close()
	if received := texts(t, b); received != "next" {
		t.Errorf("%q", received)
	}
}

func TestATaskThatWasKilledBeforeItCouldNoteAnEndSeesItAgain(t *testing.T) {
	folder := t.TempDir()
	a := again(t, folder, "a", "")
	sent(t, a, "only")
	a.Close()
	b := again(t, folder, "b", "")
	input, err := b.Input("x")
	if err != nil {
		t.Fatal(err)
	}
	for range input.receivers[0].consumer.All(context.Background()) {
	}
	b.fail()
	b = again(t, folder, "b", "")
	defer b.Close()
	if received := texts(t, b); received != "" {
		t.Errorf("%q", received)
	}
}

func TestAStreamThatAFailedRunHasEndedStaysEndedUnderARunner(t *testing.T) {
	folder := t.TempDir()
	runner, err := dhmem.Open("flow", dhmem.Directory(folder), dhmem.Label("runner"), dhmem.Size(16<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer runner.Close()
	a := again(t, folder, "a", "runner")
	sent(t, a, "first")
	a.fail()
	a = again(t, folder, "a", "runner")
	block, err := a.Region().Allocate(100)
	output, err2 := a.Output("x")
	if err = errors.Join(err, err2); err == nil {
		err = errors.Join(output.SendBlock(context.Background(), []byte("dropped"), block), output.End(), a.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	b := again(t, folder, "b", "runner")
	defer b.Close()
	if received := texts(t, b); received != "first" {
		t.Errorf("%q", received)
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
