package workflow

import (
	"sync/atomic"

	"dhmem"
)

// What carries a link, in its notes: shared memory.
const sharedMemory = 1

// notes are what the tasks of a link note about themselves for `dhmem run`, as src/workflow/link-state.ts says.
type notes struct {
	Bytes     float64
	Sending   uint32
	Receiving uint32
	Polling   uint32
	Written   uint32
	Again     uint32
	Ends      uint32
	Consumers uint32
	From      uint32
	To        uint32
}

// end is what a task has of a link, at either side.
type end struct {
	link  link
	notes *dhmem.Struct[notes]
}

func (t *Task) endOf(of link) (end, error) {
	noted, err := dhmem.OpenStruct[notes](t.region, of.name()+"#")
	return end{of, noted}, err
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

// count changes one of the numbers in the notes, if they can still be written.
func (e end) count(by uint32, which func(noted *notes) *uint32) {
	if noted, err := alive(e.notes); err == nil {
		atomic.AddUint32(which(noted), by)
	}
}

// receiver is one link of an input.
type receiver struct {
	end
	consumer *dhmem.Consumer
	// A failed run of this task has read the end, so this one sees it again.
	seesEndAgain, isNoted bool
}

func (t *Task) receiver(of link) (*receiver, error) {
	// Before the endpoint is taken, because this may fail for lack of room.
	opened, err := t.endOf(of)
	if err != nil {
		return nil, err
	}
	r := &receiver{end: opened}
	noted := r.notes.Live()
	if err := noteForPredecessor(t.region, of, noted); err != nil {
		return nil, err
	}
	if r.consumer, err = t.queue(of).Consumer(); err != nil {
		return nil, err
	}
	if err = noteReceiver(t.region, of, noted); err == nil {
		// A killed predecessor may have left other numbers.
		noted.Receiving, noted.Polling, noted.To = 0, 0, sharedMemory
		err = completeOwn(t.region, t.name, of, noted)
	}
	if err == nil {
		r.seesEndAgain, err = hasReadEnd(t.region, of, noted)
	}
	if err != nil {
		r.consumer.Close()
	}
	return r, err
}

func (r *receiver) hasEnded() bool { return r.seesEndAgain || r.consumer.Ended() }

// noteEnd notes an end that was just read. If that can't be noted, the region is gone.
func (r *receiver) noteEnd(t *Task) {
	if r.isNoted || !r.hasEnded() {
		return
	}
	r.isNoted = true
	noted, err := alive(r.notes)
	if err != nil {
		return
	}
	if activity, isThere, err := activityOf(t.region, r.link); err == nil && isThere {
		noteReadEnd(activity, noted)
		noteOwn(t.region, t.name, r.link)
	}
}

// sender is one link of an output.
type sender struct {
	end
	// Nil if a failed run of this task has ended the stream: what is sent is dropped.
	producer *dhmem.Producer
}

func (t *Task) sender(of link) (*sender, error) {
	// Before the endpoint is taken, because this may fail for lack of room.
	opened, err := t.endOf(of)
	if err != nil {
		return nil, err
	}
	s := &sender{end: opened}
	noted := s.notes.Live()
	if err := completeOwn(t.region, t.name, of, noted); err != nil {
		return nil, err
	}
	// Without a runner, a task that a signal ended after its work can't be told from one that failed.
	had, err := hasEnded(t.region, of, noted)
	if err != nil || had && t.runner != "" {
		return s, err
	}
	if s.producer, err = t.queue(of).Producer(); err != nil {
		return nil, err
	}
	noted.Sending, noted.From = 0, sharedMemory
	return s, nil
}

// finish ends the stream.
func (s *sender) finish(t *Task) error {
	if s.producer == nil {
		return nil
	}
	if err := s.producer.End(); err != nil {
		return err
	}
	noteOwn(t.region, t.name, s.link)
	return nil
}
