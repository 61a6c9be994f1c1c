package dhmem

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"dhmem/internal/native"
)

// state is what all that was opened in a region shares. A participant acts one step at a time, so everything takes the
// lock; no step waits while it has it.
//
// Goroutines that wait do not hold a thread: one goroutine watches the region's descriptor with Go's poller, and lets all
// that wait try again, as the descriptor does not say which of them can go on.
type state struct {
	sync.Mutex
	calls  *native.Calls
	closed atomic.Bool
	// Closed and replaced when it is worth trying again.
	wake chan struct{}
	// The watched descriptor; nil before the first wait.
	watched *os.File
	// For calls that may sleep by themselves.
	waiting native.Waiting
	// Locks between goroutines, by the names of maps.
	changing map[string]chan struct{}
	// Whether what is open under a name was removed here. Openings after that have another.
	removed map[string]*atomic.Bool
}

func newState(calls *native.Calls) *state {
	s := &state{calls: calls, wake: make(chan struct{}), changing: map[string]chan struct{}{}, removed: map[string]*atomic.Bool{}}
	s.waiting = native.NewWaiting(sleeper{s, nil})
	return s
}

// sleeper releases the lock while a thread sleeps in C.
type sleeper struct {
	s *state
	// Its end is that of the wait; nil for none.
	ctx context.Context
}

func (w sleeper) BeforeSleep() { w.s.Unlock() }

func (w sleeper) AfterSleep() bool {
	w.s.Lock()
	return w.ctx != nil && w.ctx.Err() != nil
}

func (s *state) close() {
	s.Lock()
	defer s.Unlock()
	if s.closed.Swap(true) {
		return
	}
	if s.watched != nil {
		s.watched.Close()
	}
	s.calls.Close()
	s.wakeAll()
}

// wakeAll lets all that wait try again. The lock is held.
func (s *state) wakeAll() {
	close(s.wake)
	s.wake = make(chan struct{})
}

// drop frees everything. Nothing refers to the region any more.
func (s *state) drop() {
	s.calls.Drop()
	s.calls.Discard()
	s.waiting.Delete()
}

// watch starts watching the descriptor, if that was not done. The lock is held.
func (s *state) watch() error {
	if s.watched != nil || s.closed.Load() {
		return nil
	}
	fd, code := s.calls.Descriptor()
	if code != native.OK {
		return failed(s.calls, code)
	}
	// A duplicate, because C closes its own.
	own, err := syscall.Dup(fd)
	if err != nil {
		return fail(ErrNoSpace, "Watching the region %s: %v; close other files", s.calls.Path(), err)
	}
	syscall.CloseOnExec(own)
	syscall.SetNonblock(own, true)
	s.watched = os.NewFile(uintptr(own), "dhmem")
	raw, err := s.watched.SyscallConn()
	if err != nil {
		return fail(ErrClosed, "Watching the region %s: %v; open it again", s.calls.Path(), err)
	}
	go s.run(raw)
	return nil
}

func (s *state) run(raw syscall.RawConn) {
	for raw.Read(isReadable) == nil {
		s.Lock()
		if s.closed.Load() {
			s.Unlock()
			return
		}
		s.calls.ClearDescriptor()
		s.wakeAll()
		s.Unlock()
	}
}

// wait calls `attempt` with the lock until it returns another code than Timeout. Returns that code, and its error if it is
// negative.
func (s *state) wait(ctx context.Context, attempt func() native.Code) (native.Code, error) {
	s.Lock()
	code := attempt()
	if code != native.Timeout {
		defer s.Unlock()
		return s.result(code)
	}
	s.Unlock()
	return s.waitLong(ctx, attempt)
}

func (s *state) result(code native.Code) (native.Code, error) {
	if code < 0 {
		return code, failed(s.calls, code)
	}
	return code, nil
}

func (s *state) waitLong(ctx context.Context, attempt func() native.Code) (native.Code, error) {
	begun := time.Now()
	for {
		s.Lock()
		if err := s.watch(); err != nil {
			s.Unlock()
			return native.NoCode, err
		}
		code := attempt()
		if code != native.Timeout {
			defer s.Unlock()
			return s.result(code)
		}
		text, wake := s.calls.Why(), s.wake
		s.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return native.Timeout, late(ctx, text, begun)
		}
	}
}

// late is the error of a wait that its context has ended. `text` is that of an
// attempt with the timeout 0.
func late(ctx context.Context, text string, begun time.Time) error {
	cause := context.Cause(ctx)
	if !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	if rest, ok := strings.CutPrefix(text, "Waited 0 ms"); ok {
		deadline, _ := ctx.Deadline()
		allowed := max(0, deadline.Sub(begun).Round(time.Millisecond))
		text = fmt.Sprintf("Waited %d ms%s", allowed.Milliseconds(), rest)
	}
	return &Error{Code: ErrTimeout.Code, Message: text, Cause: cause}
}

// changes is the lock between goroutines for the map of this name: whoever sends has it, until he receives.
func (s *state) changes(name string) chan struct{} {
	s.Lock()
	defer s.Unlock()
	if s.changing[name] == nil {
		s.changing[name] = make(chan struct{}, 1)
	}
	return s.changing[name]
}

// removal is whether what is opened now under this name was removed. The lock is held.
func (s *state) removal(name string) *atomic.Bool {
	if s.removed[name] == nil {
		s.removed[name] = &atomic.Bool{}
	}
	return s.removed[name]
}

// remove ends what is open under this name, after C has. The lock is held.
func (s *state) remove(name string) {
	if s.removed[name] != nil {
		s.removed[name].Store(true)
		delete(s.removed, name)
	}
}
