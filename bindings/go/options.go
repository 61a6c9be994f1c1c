package dhmem

import (
	"io/fs"

	"dhmem/internal/native"
)

// An Option of Open.
type Option func(*native.Options)

// Mode says what Open expects.
type Mode int

const (
	// OpenOrCreate opens the region, or creates it.
	OpenOrCreate Mode = iota
	// Create creates the region; ErrExists if there is one.
	Create
	// OpenExisting opens the region; ErrNotFound if there is none.
	OpenExisting
	// ForceCreate replaces a region that exists, whose participants keep it.
	ForceCreate
	// ReadOnly opens a region to read its structs, arrays, vectors, maps and tokens. It needs no permission to write.
	ReadOnly
)

// InMode sets the mode, which is OpenOrCreate by default.
func InMode(mode Mode) Option { return func(o *native.Options) { o.Mode = int(mode) } }

// Size is how many bytes the region may grow to: address space, not memory. The default is 4 GiB.
func Size(bytes uint64) Option { return func(o *native.Options) { o.Size = bytes } }

// Permissions are those of the file when it is created, regardless of the umask. The default is 0600.
func Permissions(mode fs.FileMode) Option {
	return func(o *native.Options) { o.Permissions = uint32(mode.Perm()) }
}

// Directory is the folder of the region's file. The default is $DHMEM_DIR, else /dev/shm.
func Directory(path string) Option { return func(o *native.Options) { o.Directory = path } }

// LastClose removes the region after its last participant has left or died.
func LastClose() Option { return func(o *native.Options) { o.LastClose = true } }

// Label is what others see this participant as. The default is $DHMEM_TASK, else the host's name and the process's number.
func Label(text string) Option { return func(o *native.Options) { o.Label = text } }

// Trust lists whose regions are accepted in a folder where anyone can create files: "owner", "any", or numbers of users
// and groups, as in "1001,12000". The default is $DHMEM_TRUST, else "owner".
func Trust(owners string) Option { return func(o *native.Options) { o.Trust = owners } }

// A QueueOption of Region.Queue.
type QueueOption func(*queueOptions)

type queueOptions struct {
	native.QueueOptions
}

// Capacity is the room of a queue for messages that are sent and not yet released: 64 bytes to 1 GiB. The default is 1 MiB
// for a new queue; an existing one may have any capacity. For queues of records, it is a number of records.
func Capacity(size uint64) QueueOption { return func(o *queueOptions) { o.Capacity = size } }

// Latest makes a queue that keeps only the newest message. Its producer never waits.
func Latest() QueueOption { return func(o *queueOptions) { o.Policy = 1 } }

// DropOldest makes a queue that keeps the last `keep` messages, 1 to 4096. Its producer never waits. With 0, it is 16 for a
// new queue.
func DropOldest(keep int) QueueOption {
	return func(o *queueOptions) { o.Policy, o.Keep = 2, keep }
}

// Patient makes waits continue after the other side has left or died without ending the stream, because a restarted
// program may replace it. Otherwise that is ErrPeerGone.
func Patient() QueueOption { return func(o *queueOptions) { o.Patient = true } }

func queueOptionsOf(options []QueueOption) (queueOptions, error) {
	var all queueOptions
	for _, option := range options {
		option(&all)
	}
	if all.Keep < 0 {
		return all, badArgument("keep", all.Keep, "at least 1, or 0 for the default")
	}
	return all, nil
}
