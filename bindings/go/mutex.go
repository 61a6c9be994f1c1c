package dhmem

import (
	"context"
	"runtime"
	"time"

	"dhmem/internal/native"
)

// Mutex is mutual exclusion between participants. From Region.Mutex. A region holds it, and not a goroutine: goroutines
// that exclude one another also need a sync.Mutex, or open the region once each.
type Mutex struct {
	region *Region
	name   string
	handle native.Mutex
}

// Mutex opens the mutex of this name, or makes it.
func (r *Region) Mutex(name string) (*Mutex, error) {
	s := r.state
	s.Lock()
	defer s.Unlock()
	handle, err := got(s, func() (native.Mutex, native.Code) { return s.calls.OpenMutex(name) })
	if err != nil {
		return nil, err
	}
	m := &Mutex{r, name, handle}
	runtime.AddCleanup(m, func(handle native.Mutex) { closeLater(s, s.calls.CloseMutex, handle) }, handle)
	return m, nil
}

// Name is the mutex's name.
func (m *Mutex) Name() string { return m.name }

// Lock waits for the mutex and locks it. ErrBadArgument if this region holds it already; ErrTimeout after the context's
// deadline.
//
//	held, err := mutex.Lock(ctx)
//	if err != nil {
//		return err
//	}
//	defer held.Unlock()
func (m *Mutex) Lock(ctx context.Context) (*Held, error) {
	s := m.region.state
	abandoned := false
	code, err := s.wait(ctx, func() (code native.Code) {
		abandoned, code = s.calls.Lock(m.handle)
		return code
	})
	if code == native.Timeout {
		s.Lock()
		s.calls.StopLocking(s.waiting, m.handle)
		s.Unlock()
		runtime.KeepAlive(m)
	}
	if err != nil {
		return nil, err
	}
	return &Held{mutex: m, Abandoned: abandoned}, nil
}

// TryLock locks the mutex if it is free; else it returns nil.
func (m *Mutex) TryLock() (*Held, error) {
	s := m.region.state
	s.Lock()
	defer s.Unlock()
	abandoned, code := s.calls.Lock(m.handle)
	if code == native.Timeout {
		return nil, nil
	}
	if code != native.OK {
		return nil, failed(s.calls, code)
	}
	return &Held{mutex: m, Abandoned: abandoned}, nil
}

// Held is a mutex that this region holds.
type Held struct {
	mutex *Mutex
	// Abandoned is true if the last holder died while it held the mutex, so that what it guards may be half changed. A wait for
	// a condition takes the mutex anew, so look again after it.
	Abandoned bool
	// It was unlocked, or a wait for a condition has unlocked it for a while. If the region holds the mutex then, it is by
	// another Held.
	unlocked bool
}

// check returns why it can't be used. The lock is held.
func (h *Held) check() error {
	if h.unlocked {
		return fail(ErrBadArgument, "Mutex %s is not held by this Held, which was unlocked; lock it anew", h.mutex.name)
	}
	return nil
}

// Unlock unlocks the mutex. ErrBadArgument if that was done before.
func (h *Held) Unlock() error {
	s := h.mutex.region.state
	s.Lock()
	defer s.Unlock()
	if err := h.check(); err != nil {
		return err
	}
	if code := s.calls.Unlock(h.mutex.handle); code != native.OK {
		return failed(s.calls, code)
	}
	h.unlocked = true
	return nil
}

// Condition is for waiting until something has changed that a mutex guards. From Region.Condition.
type Condition struct {
	region *Region
	name   string
	handle native.Condition
}

// Condition opens the condition of this name, or makes it.
func (r *Region) Condition(name string) (*Condition, error) {
	s := r.state
	s.Lock()
	defer s.Unlock()
	handle, err := got(s, func() (native.Condition, native.Code) { return s.calls.OpenCondition(name) })
	if err != nil {
		return nil, err
	}
	c := &Condition{r, name, handle}
	runtime.AddCleanup(c, func(handle native.Condition) { closeLater(s, s.calls.CloseCondition, handle) }, handle)
	return c, nil
}

// Wait waits until `until` returns true. That is called while this region has the mutex, which is unlocked while it sleeps,
// and held again afterwards, whatever the result is. A waiting goroutine holds a thread, unlike in other waits.
func (c *Condition) Wait(ctx context.Context, held *Held, until func() bool) error {
	s := c.region.state
	waiting := native.NewWaiting(sleeper{s, ctx})
	defer waiting.Delete()
	// While the call sleeps, a cleanup may take the lock.
	defer runtime.KeepAlive(c)
	defer runtime.KeepAlive(held)
	begun := time.Now()
	untold := false
	for !until() {
		if ctx.Err() != nil {
			text := "Waited 0 ms for condition " + c.name + "; allow more time, or check that the other side is running"
			return late(ctx, text, begun)
		}
		if err := c.sleep(held, waiting, &untold); err != nil {
			return err
		}
	}
	return nil
}

// sleep sleeps without the mutex, and takes it again. `untold` is whether it was abandoned, and nobody was told.
func (c *Condition) sleep(held *Held, waiting native.Waiting, untold *bool) error {
	s := c.region.state
	s.Lock()
	defer s.Unlock()
	if err := held.check(); err != nil {
		return err
	}
	held.unlocked = true
	abandoned, code := s.calls.SleepOn(waiting, c.handle, held.mutex.handle, *untold)
	held.unlocked = false
	_, err := s.result(code)
	*untold, held.Abandoned = abandoned, abandoned
	return err
}

// NotifyOne wakes one participant that waits. Call it after the change, with the mutex.
func (c *Condition) NotifyOne() error { return c.notify(false) }

// NotifyAll wakes all participants that wait. Call it after the change, with the mutex.
func (c *Condition) NotifyAll() error { return c.notify(true) }

func (c *Condition) notify(all bool) error {
	s := c.region.state
	s.Lock()
	defer s.Unlock()
	if code := s.calls.Notify(c.handle, all); code != native.OK {
		return failed(s.calls, code)
	}
	return nil
}
