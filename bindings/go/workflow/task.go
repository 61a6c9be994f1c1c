// Package workflow is for programs that are tasks of a workflow, which `dhmem run` starts.
//
//	task, err := workflow.FromEnvironment()
//	if err != nil {
//		return err
//	}
//	defer task.Close()
//	guesses, err := task.Input("guesses")
//	if err != nil {
//		return err
//	}
//	for guess := range guesses.All(task.Context()) {
//		fmt.Println(dhmem.View[float64](guess))
//	}
//	return guesses.Err()
//
// The environment says how the tasks are connected, so the program is the same as a single process or in a container.
package workflow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"dhmem"
)

// Time between looks whether the runner is there.
const look = 500 * time.Millisecond

// Task is one task of a workflow, with its named inputs and outputs. From FromEnvironment. Goroutines may use it at the same
// time, but each input and each output only one of them.
type Task struct {
	name    string
	runner  string
	region  *dhmem.Region
	links   []link
	ctx     context.Context
	end     context.CancelCauseFunc
	signals chan os.Signal
	inputs  map[string]*Input
	outputs map[string]*Output
}

// FromEnvironment opens the task that the environment describes. `dhmem run` sets the variables.
func FromEnvironment() (*Task, error) { return from(os.LookupEnv) }

func from(lookUp func(name string) (string, bool)) (*Task, error) {
	environment, err := readEnvironment(lookUp)
	if err != nil {
		return nil, err
	}
	options := []dhmem.Option{
		dhmem.Directory(environment.directory), dhmem.Label(environment.task), dhmem.Trust(environment.trust),
		dhmem.Permissions(environment.permissions),
	}
	if environment.runner == "" {
		options = append(options, dhmem.Size(environment.size))
	} else {
		// A runner has made the region. If the region is gone, so is the workflow.
		options = append(options, dhmem.InMode(dhmem.OpenExisting))
	}
	region, err := dhmem.Open(environment.region, options...)
	if err != nil {
		return nil, err
	}
	task := &Task{name: environment.task, runner: environment.runner, region: region, links: environment.links}
	task.signals = make(chan os.Signal, 1)
	task.inputs, task.outputs = map[string]*Input{}, map[string]*Output{}
	task.ctx, task.end = context.WithCancelCause(context.Background())
	signal.Notify(task.signals, syscall.SIGTERM, syscall.SIGINT)
	go task.watch()
	return task, nil
}

// watch ends the context at a signal, or when the runner is gone.
func (t *Task) watch() {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case number := <-t.signals:
			// A second signal kills the process.
			signal.Stop(t.signals)
			t.end(fmt.Errorf("task %s was stopped by the signal %v", t.name, number))
		case <-t.ctx.Done():
			signal.Stop(t.signals)
			return
		case <-ticker.C:
			if t.runner == "" {
				continue
			}
			if there, err := t.region.HasParticipant(t.runner); err != nil {
				t.end(err)
			} else if !there {
				t.end(&dhmem.Error{Code: dhmem.ErrPeerGone.Code, Message: "The `dhmem run` that started this task is gone " +
					"(was it killed?), so no task will be restarted, and " + t.region.Path() +
					" will not be removed; run the workflow again"})
			}
		}
	}
}

// Name is the task's name, unique in the workflow.
func (t *Task) Name() string { return t.name }

// Region is the memory that the tasks share.
func (t *Task) Region() *dhmem.Region { return t.region }

// Context is cancelled by SIGTERM and SIGINT, and when the `dhmem run` that started the task is gone. All waits of the task's
// inputs and outputs then end with its cause, whatever context they were given.
func (t *Task) Context() context.Context { return t.ctx }

// Log writes a line to standard error, with the time and the task's name.
func (t *Task) Log(values ...any) {
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	fmt.Fprintf(os.Stderr, "%s %s: %s", now, t.name, fmt.Sprintln(values...))
}

// Close leaves the workflow. A successor can take the inputs and outputs then. It does not end the outputs: call End on each
// when everything is sent.
//
// A task that failed sees the ends of its inputs again when it is restarted. `dhmem run` knows by the exit status whether it
// did. Without it, Close counts as success unless the task was stopped, so a failed task should exit without Close.
func (t *Task) Close() error {
	hasSucceeded := t.runner == "" && t.ctx.Err() == nil
	t.end(context.Canceled)
	if t.region.Check() == nil {
		for _, input := range t.inputs {
			for _, each := range input.receivers {
				t.leave(each.end, hasSucceeded, func(noted *notes) { noted.To = 0 })
			}
		}
		for _, output := range t.outputs {
			for _, each := range output.senders {
				t.leave(each.end, hasSucceeded, func(noted *notes) { noted.From = 0 })
			}
		}
	}
	return t.region.Close()
}

// leave notes that the task has left an end of a link. If the region is gone, so are the notes and the streams.
func (t *Task) leave(of end, hasSucceeded bool, note func(noted *notes)) {
	noted, err := alive(of.notes)
	if err != nil {
		return
	}
	note(noted)
	if hasSucceeded {
		_ = complete(t.region, t.name, of.link, noted)
	}
}

// ending is a context that ends with the task's, too.
func (t *Task) ending(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx == t.ctx {
		return ctx, func() {}
	}
	both, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(t.ctx, func() { end(context.Cause(t.ctx)) })
	return both, func() {
		stop()
		end(nil)
	}
}

// linksOf are the links at an input or output of this task.
func (t *Task) linksOf(name, what string) (found []link, err error) {
	var names []string
	for _, each := range t.links {
		end := each.to
		if what == "output" {
			end = each.from
		}
		if end[0] != t.name {
			continue
		}
		names = append(names, each.local)
		if each.local == name {
			found = append(found, each)
		}
	}
	if found != nil {
		return found, nil
	}
	if names == nil {
		names = []string{"none"}
	}
	return nil, &dhmem.Error{Code: dhmem.ErrNotFound.Code, Message: fmt.Sprintf(
		"Task %s has no %s %q (its %ss in DHMEM_LINKS: %s); use one of these, or add a link to the workflow file",
		t.name, what, name, what, strings.Join(names, ", "))}
}

func (t *Task) queue(of link) *dhmem.Queue {
	return t.region.Queue(of.name(), append(of.options, dhmem.Patient())...)
}

// Input returns the input of this name. ErrNotFound if no link leads to it.
func (t *Task) Input(name string) (*Input, error) {
	if t.inputs[name] != nil {
		return t.inputs[name], nil
	}
	links, err := t.linksOf(name, "input")
	if err != nil {
		return nil, err
	}
	input := &Input{task: t, name: name}
	for _, each := range links {
		receiver, err := t.receiver(each)
		if err != nil {
			return nil, errors.Join(err, input.close())
		}
		input.receivers = append(input.receivers, receiver)
	}
	t.inputs[name] = input
	return input, nil
}

// Output returns the output of this name. ErrNotFound if no link begins there.
func (t *Task) Output(name string) (*Output, error) {
	if t.outputs[name] != nil {
		return t.outputs[name], nil
	}
	links, err := t.linksOf(name, "output")
	if err != nil {
		return nil, err
	}
	output := &Output{task: t, name: name}
	for _, each := range links {
		sender, err := t.sender(each)
		if err != nil {
			return nil, errors.Join(err, output.close())
		}
		if sender.producer == nil {
			t.Log(each.name() + " had ended before this task was restarted; what is sent there now is dropped")
		}
		output.senders = append(output.senders, sender)
	}
	t.outputs[name] = output
	return output, nil
}
