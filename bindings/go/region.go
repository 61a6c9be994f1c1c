package dhmem

import (
	"crypto/rand"
	"fmt"
	"os"
	"regexp"
	"runtime"

	"dhmem/internal/native"
)

// Region is memory that processes share, also across containers: a file in /dev/shm, which all open by its name.
//
//	region, err := dhmem.Open("climate", dhmem.Size(1<<30))
//	if err != nil {
//		return err
//	}
//	defer region.Close()
//
// Any number of goroutines may use a region and what was opened in it at the same time. They are one participant: a mutex
// is held by the region. Close every region: one that the garbage collector finds open is reported on standard error.
type Region struct {
	state *state
	name  string
	path  string
	size  uint64
}

var names = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$`)

func checkName(name string) error {
	if names.MatchString(name) {
		return nil
	}
	return badArgument("The region's name", name,
		`1 to 200 characters of A-Z a-z 0-9 . _ -, the first of them not "."; a folder goes into the option Directory`)
}

// Open opens the region of this name, or creates it.
func Open(name string, options ...Option) (*Region, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return open(name, name, options)
}

// Temporary opens a region with a unique name, which is gone after its last participant: for tests and trials.
func Temporary(options ...Option) (*Region, error) {
	name := "temporary-" + rand.Text()
	return open(name, name, append([]Option{InMode(Create), LastClose()}, options...))
}

// OpenPath opens the region that is this file. The path must contain a slash.
func OpenPath(path string, options ...Option) (*Region, error) {
	return open(path, path, options)
}

func open(name, path string, options []Option) (*Region, error) {
	var all native.Options
	for _, option := range options {
		option(&all)
	}
	calls := native.New()
	if code := calls.Open(path, all); code != native.OK {
		err := failed(calls, code)
		calls.Discard()
		return nil, err
	}
	region := &Region{state: newState(calls), name: name, path: calls.Path(), size: calls.Size()}
	runtime.AddCleanup(region, forget, region.state)
	return region, nil
}

// forget runs when nothing refers to a region or to anything of it any more.
func forget(s *state) {
	s.Lock()
	defer s.Unlock()
	if !s.closed.Load() {
		fmt.Fprintf(os.Stderr, "dhmem: the region %s was not closed, so it stays open; call Close\n", s.calls.Path())
		return
	}
	s.drop()
}

// Unlink removes the file of this name, whomever it belongs to. Participants that have the region open keep it. Of the options,
// Directory counts, and Trust: it does not wait for those who are just joining a stranger's region.
func Unlink(name string, options ...Option) error {
	if err := checkName(name); err != nil {
		return err
	}
	var all native.Options
	for _, option := range options {
		option(&all)
	}
	calls := native.New()
	defer calls.Discard()
	if code := calls.Unlink(name, all); code != native.OK {
		return failed(calls, code)
	}
	return nil
}

// Name is what the region was opened by.
func (r *Region) Name() string { return r.name }

// Path is that of the region's file.
func (r *Region) Path() string { return r.path }

// Size is how many bytes the region may grow to.
func (r *Region) Size() uint64 { return r.size }

// Close leaves the region, and frees the blocks that this participant owns. Waits of other goroutines end with ErrClosed.
// Slices of the region's memory must not be used any more; as long as the region or something of it is referred to, they
// read zeros. A second call does nothing.
func (r *Region) Close() error {
	r.state.close()
	runtime.KeepAlive(r)
	return nil
}

// Unlink removes the region's file. Participants that have it open keep it. ErrNotFound if it has none any more, also if
// another region has the name by now.
func (r *Region) Unlink() error {
	s := r.state
	s.Lock()
	defer s.Unlock()
	_, err := s.result(s.calls.UnlinkRegion())
	runtime.KeepAlive(r)
	return err
}

// Recover looks for participants that have died, and frees what they had. This also happens by itself. Returns their number.
func (r *Region) Recover() (int, error) {
	s := r.state
	s.Lock()
	defer s.Unlock()
	return got(s, s.calls.Recover)
}

// Trim gives the pages of free memory back to the machine, and returns how many bytes these were.
func (r *Region) Trim() (uint64, error) {
	s := r.state
	s.Lock()
	defer s.Unlock()
	return got(s, s.calls.Trim)
}

// HasParticipant says whether a living participant has this label.
func (r *Region) HasParticipant(label string) (bool, error) {
	s := r.state
	s.Lock()
	defer s.Unlock()
	return got(s, func() (bool, native.Code) { return s.calls.HasParticipant(label) })
}

// QueueActivity is what has happened in a queue so far, for those who run workflows. From Region.QueueActivity. All counts are
// modulo 2^32.
type QueueActivity struct {
	// Consumers is how many have opened it.
	Consumers uint32
	// Ended is the number of the last stream if its producer has ended it; else 0.
	Ended uint32
	// EndsRead is how many ends its consumers have read.
	EndsRead uint32
	// Head and Next are positions: of the first message that is not released, and of the one that is received next. Both are
	// 0 for a queue that drops messages.
	Head, Next uint32
}

// QueueActivity looks at a queue without opening it: ErrNotFound if there is none.
func (r *Region) QueueActivity(queue string) (QueueActivity, error) {
	s := r.state
	s.Lock()
	defer s.Unlock()
	activity, err := got(s, func() (native.Activity, native.Code) { return s.calls.Activity(queue) })
	return QueueActivity(activity), err
}

// Remove removes the named object, and says whether there was one. What this participant has open under the name can't be
// used any more; others keep it.
func (r *Region) Remove(name string) (bool, error) {
	s := r.state
	s.Lock()
	defer s.Unlock()
	removed, err := got(s, func() (bool, native.Code) { return s.calls.Remove(name) })
	if err == nil {
		s.remove(name)
	}
	return removed, err
}

// Check returns why the region can't be used any more, or nil.
func (r *Region) Check() error {
	s := r.state
	s.Lock()
	defer s.Unlock()
	if code := s.calls.Check(); code != native.OK {
		return failed(s.calls, code)
	}
	return nil
}

// String returns the region's path.
func (r *Region) String() string { return "dhmem region " + r.path }

// got returns what a call returns, or its error. The lock is held.
func got[T any](s *state, call func() (T, native.Code)) (T, error) {
	value, code := call()
	if code < 0 {
		var none T
		return none, failed(s.calls, code)
	}
	return value, nil
}
