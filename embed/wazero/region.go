package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Lock bytes of a region's file, and how waits go.
const (
	lockBytes = 1 << 40
	joinByte  = 1024
	readers   = 4096
	slice     = 50 * time.Millisecond
	spins     = 200
)

var errBusy = errors.New("another holds this lock")

// A region is a participant in a region that a program with the library has made. The numbered duties are those of
// docs/core-abi.md. Only one goroutine at a time may use it.
type region struct {
	*core
	path        string
	file, locks int
	pages       uint32
	lastClose   bool
	slot, me    uint32
	pipes       map[uint64]int
}

// openRegion opens the region of this name in $DHMEM_DIR, or in /dev/shm.
func openRegion(name string) (*region, error) {
	folder := os.Getenv("DHMEM_DIR")
	if folder == "" {
		folder = "/dev/shm"
	}
	r := &region{path: filepath.Join(folder, name+".dhmem"), slot: layout["SLOTS"], pipes: map[uint64]int{}}
	var err error
	if r.file, err = unix.Open(r.path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", r.path, err)
	}
	// Locks belong to an open file description of their own: a mapping would keep that of its file alive (duty 1).
	if r.locks, err = unix.Open(fmt.Sprintf("/proc/self/fd/%d", r.file), unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return nil, err
	}
	if err = r.checkFile(); err != nil {
		return nil, err
	}
	r.core = newCore(r.pages + 1)
	if err = r.mapOver(r.file, unix.MAP_SHARED); err != nil {
		return nil, err
	}
	if err = r.join(); err != nil {
		return nil, err
	}
	return r, r.recoverTheDead()
}

func (r *region) checkFile() error {
	head := make([]byte, layout["HEADER_BYTES"])
	if _, err := unix.Pread(r.file, head, 0); err != nil {
		return err
	}
	word := func(name string) uint32 { return binary.LittleEndian.Uint32(head[layout[name]:]) }
	magic := uint64(layout["MAGIC_HIGH"])<<32 | uint64(layout["MAGIC_LOW"])
	if binary.LittleEndian.Uint64(head[layout["HEADER_MAGIC"]:]) != magic {
		return fmt.Errorf("%s is no region", r.path)
	}
	if version := word("HEADER_VERSION"); version != layout["LAYOUT_VERSION"] {
		return fmt.Errorf("%s has layout %d, not %d", r.path, version, layout["LAYOUT_VERSION"])
	}
	if word("HEADER_FEATURES_ALL")|word("HEADER_FEATURES_WRITE")|word("HEADER_BULK_SPANS") != 0 {
		return fmt.Errorf("%s has features that this program does not know", r.path)
	}
	r.pages = word("HEADER_SPANS")
	var status unix.Stat_t
	if err := unix.Fstat(r.file, &status); err != nil {
		return err
	}
	sound := status.Size == int64(r.pages)*page
	last := layout["SLOTS_START"] + layout["SLOTS"]*layout["SLOT_BYTES"]
	for _, name := range []string{"BUSY", "COMMITTED", "OWNED", "BUCKETS"} {
		sound = sound && word("HEADER_"+name) >= last
		last = word("HEADER_" + name)
	}
	if !sound {
		return fmt.Errorf("%s has a corrupted header", r.path)
	}
	if int(status.Uid) != os.Getuid() && status.Uid != 0 {
		return fmt.Errorf("%s belongs to another user", r.path)
	}
	r.lastClose = word("HEADER_LIFETIME") == layout["LIFETIME_LAST_CLOSE"]
	return nil
}

// mapOver maps a file over all of the memory but its last page, which belongs to this process.
func (r *region) mapOver(file int, flags int) error {
	flags |= unix.MAP_FIXED | unix.MAP_NORESERVE
	size := uintptr(r.pages) * page
	_, err := unix.MmapPtr(file, 0, unsafe.Pointer(&r.memory[0]), size, unix.PROT_READ|unix.PROT_WRITE, flags)
	return err
}

func (r *region) hasTheName() bool {
	var named, ours unix.Stat_t
	return unix.Stat(r.path, &named) == nil && unix.Fstat(r.file, &ours) == nil &&
		named.Dev == ours.Dev && named.Ino == ours.Ino
}

// lock returns the kind of the lock that stands in the way of one on this byte, or F_UNLCK.
func (r *region) lock(command int, byte int64, kind int16) (int16, error) {
	lock := unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: lockBytes + byte, Len: 1}
	for {
		err := unix.FcntlFlock(uintptr(r.locks), command, &lock)
		if err == unix.EAGAIN || err == unix.EACCES {
			err = errBusy
		}
		if err != unix.EINTR {
			return lock.Type, err
		}
	}
}

func (r *region) unlock(byte int64) { _, _ = r.lock(unix.F_OFD_SETLK, byte, unix.F_UNLCK) }

func (r *region) join() error {
	if _, err := r.lock(unix.F_OFD_SETLKW, joinByte, unix.F_WRLCK); err != nil {
		return err
	}
	defer r.unlock(joinByte)
	if !r.hasTheName() {
		return fmt.Errorf("%s was removed or replaced", r.path)
	}
	if r.lastClose && r.isAbandoned() {
		return fmt.Errorf("%s is abandoned: its last participant was killed", r.path)
	}
	for _, free := range []bool{true, false} {
		for slot := uint32(0); slot < layout["SLOTS"]; slot++ {
			if (r.load(r.at(slot, "SLOT_ID")) == 0) != free {
				continue
			}
			if _, err := r.lock(unix.F_OFD_SETLK, int64(slot), unix.F_WRLCK); err == nil {
				return r.take(slot)
			}
		}
	}
	return fmt.Errorf("%s has %d participants already", r.path, layout["SLOTS"])
}

func (r *region) take(slot uint32) error {
	touched := r.word(layout["HEADER_TOUCHED_BYTES"])
	if err := r.commit(r.word(layout["HEADER_TOUCHED"])+slot*touched, touched); err != nil {
		return err
	}
	if r.load(r.at(slot, "SLOT_ID")) != 0 {
		if err := r.recover(slot); err != nil {
			return err
		}
	}
	atomic.StoreUint32(r.pointer(r.at(slot, "SLOT_SLEEP")), 0)
	atomic.StoreUint64((*uint64)(unsafe.Pointer(r.pointer(r.at(slot, "SLOT_PIPE")))), 0)
	copy(r.memory[r.at(slot, "SLOT_LABEL"):], "wazero\x00")
	var err error
	r.slot = slot
	r.me, err = r.offset("join", slot)
	return err
}

// isAbandoned tells whether no slot's byte is locked, and nobody reads.
func (r *region) isAbandoned() bool {
	for slot := int64(0); slot < int64(layout["SLOTS"]); slot++ {
		if kind, err := r.lock(unix.F_OFD_GETLK, slot, unix.F_WRLCK); err != nil || kind != unix.F_UNLCK {
			return false
		}
	}
	kind, err := r.lock(unix.F_OFD_GETLK, readers, unix.F_WRLCK)
	return err == nil && kind == unix.F_UNLCK
}

func (r *region) leave() error {
	if r.lastClose {
		if _, err := r.lock(unix.F_OFD_SETLKW, joinByte, unix.F_WRLCK); err != nil {
			return err
		}
	}
	err := r.recover(r.slot)
	r.unlock(int64(r.slot))
	if r.lastClose && r.hasTheName() && r.isAbandoned() {
		err = errors.Join(err, os.Remove(r.path))
	}
	// Views that were kept see zeros, and stay valid memory (duty 11).
	err = errors.Join(err, r.mapOver(-1, unix.MAP_PRIVATE|unix.MAP_ANON))
	for _, pipe := range r.pipes {
		_ = unix.Close(pipe)
	}
	return errors.Join(err, unix.Close(r.locks), unix.Close(r.file))
}

func (r *region) at(slot uint32, field string) uint32 {
	return layout["SLOTS_START"] + slot*layout["SLOT_BYTES"] + layout[field]
}

// result is a word of this participant's slot that a call has left there.
func (r *region) result(index uint32) uint32 { return r.word(r.at(r.slot, "SLOT_RESULT") + 4*index) }

// status is what an export returns: an offset, or a status. After a trap this participant must not go on (duty 6).
func (r *region) status(name string, parameters ...uint32) (uint32, error) {
	values, err := r.call(name, parameters...)
	if err != nil {
		unix.Close(r.locks)
		return 0, err
	}
	return uint32(values[0]), nil
}

// offset is what an export returns; a status is an error.
func (r *region) offset(name string, parameters ...uint32) (uint32, error) {
	result, err := r.status(name, parameters...)
	if err == nil && result < layout["STATUS_LIMIT"] {
		err = fmt.Errorf("%s answered %d; docs/core-abi.md lists the statuses", name, result)
	}
	return result, err
}

// change calls an export that returns a doorbell or OK, and wakes whoever is to be woken.
func (r *region) change(name string, parameters ...uint32) error {
	doorbell, err := r.status(name, parameters...)
	if err != nil || doorbell == layout["OK"] {
		return err
	}
	if doorbell < layout["STATUS_LIMIT"] {
		return fmt.Errorf("%s answered %d; docs/core-abi.md lists the statuses", name, doorbell)
	}
	return r.wake(doorbell)
}

// view is bytes of the region without a copy. A hostile peer may have written the offset and the length (duty 7).
func (r *region) view(offset, length uint32) ([]byte, error) {
	end := uint64(offset) + uint64(length)
	if end > uint64(r.pages)*page {
		return nil, fmt.Errorf("%s is corrupted", r.path)
	}
	return r.memory[offset:end:end], nil
}

// allocate returns a block of at least so many bytes; its bytes are old ones.
func (r *region) allocate(length uint32) (uint32, error) {
	for range 1000 {
		block, err := r.status("allocate", r.me, length)
		if err != nil || block != layout["NEED_COMMIT"] {
			if err == nil && block < layout["STATUS_LIMIT"] {
				err = fmt.Errorf("allocate answered %d; docs/core-abi.md lists the statuses", block)
			}
			return block, err
		}
		first := r.at(r.slot, "SLOT_REQUEST_OFFSET")
		err = errors.Join(r.commit(r.word(first), r.word(first+4)), r.commit(r.word(first+8), r.word(first+12)))
		if err != nil {
			_, failure := r.call("cancel", r.me)
			return 0, errors.Join(err, failure)
		}
		if _, err = r.call("committed", r.me); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("%s is corrupted", r.path)
}

// commit is duty 2: it makes sure that the pages exist, so that a full file system is no SIGBUS later.
func (r *region) commit(offset, length uint32) error {
	if length == 0 {
		return nil
	}
	return unix.Fallocate(r.file, unix.FALLOC_FL_KEEP_SIZE, int64(offset), int64(length))
}

func (r *region) isAlive(slot uint32) bool {
	if slot == r.slot {
		return true
	}
	kind, err := r.lock(unix.F_OFD_GETLK, int64(slot), unix.F_RDLCK)
	return err != nil || kind != unix.F_UNLCK
}

func (r *region) recover(slot uint32) error {
	for {
		result, err := r.status("recover", slot)
		if err != nil || result != layout["MORE"] {
			return err
		}
	}
}

// recoverTheDead is duty 5.
func (r *region) recoverTheDead() error {
	for slot := uint32(0); slot < layout["SLOTS"]; slot++ {
		if r.load(r.at(slot, "SLOT_ID")) == 0 || r.isAlive(slot) {
			continue
		}
		if _, err := r.lock(unix.F_OFD_SETLK, int64(slot), unix.F_WRLCK); err != nil {
			continue
		}
		err := r.recover(slot)
		for other := uint32(0); other < layout["SLOTS"]; other++ {
			if r.load(r.at(other, "SLOT_ID")) != 0 {
				err = errors.Join(err, r.wake(r.at(other, "SLOT_DOORBELL")))
			}
		}
		r.unlock(int64(slot))
		if err != nil {
			return err
		}
	}
	return nil
}

// wake is duty 3.
func (r *region) wake(doorbell uint32) error {
	slot := (doorbell - layout["SLOTS_START"]) / layout["SLOT_BYTES"]
	if slot >= layout["SLOTS"] || doorbell != r.at(slot, "SLOT_DOORBELL") {
		return fmt.Errorf("%s is corrupted", r.path)
	}
	sleep := r.pointer(r.at(slot, "SLOT_SLEEP"))
	how := atomic.LoadUint32(sleep)
	if how&layout["SLEEP_PIPE"] != 0 && how&layout["SLEEP_UNREACHABLE"] == 0 {
		if !r.ring(slot) {
			atomic.OrUint32(sleep, layout["SLEEP_UNREACHABLE"])
		} else if how&layout["SLEEP_FUTEX"] == 0 {
			return nil
		}
	}
	word := uintptr(unsafe.Pointer(r.pointer(doorbell)))
	_, _, errno := syscall.Syscall6(unix.SYS_FUTEX, word, 1 /* FUTEX_WAKE */, 1<<30, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// ring writes to a participant's pipe. Go turns SIGPIPE into an error for all files but 1 and 2.
func (r *region) ring(slot uint32) bool {
	number := atomic.LoadUint64((*uint64)(unsafe.Pointer(r.pointer(r.at(slot, "SLOT_PIPE")))))
	pipe, isOpen := r.pipes[number]
	if !isOpen {
		path := filepath.Join(filepath.Dir(r.path), fmt.Sprintf(".dhmem-%016x.bell", number))
		var err error
		pipe, err = unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return false
		}
		var status unix.Stat_t
		err = unix.Fstat(pipe, &status)
		if err != nil || status.Mode&unix.S_IFMT != unix.S_IFIFO || int(status.Uid) != os.Getuid() && status.Uid != 0 {
			_ = unix.Close(pipe)
			return false
		}
		r.pipes[number] = pipe
	}
	if _, err := unix.Write(pipe, []byte{1}); err != nil && err != unix.EAGAIN {
		_ = unix.Close(pipe)
		delete(r.pipes, number)
		return false
	}
	return true
}

// wait is duty 4. attempt returns false while there is nothing; peer tells on which participant this wait depends.
func (r *region) wait(announce func() error, attempt func() (bool, error), peer func() uint32) error {
	for range spins {
		if done, err := attempt(); done || err != nil {
			return err
		}
	}
	doorbell := r.pointer(r.at(r.slot, "SLOT_DOORBELL"))
	for {
		seen := atomic.LoadUint32(doorbell)
		if err := announce(); err != nil {
			return err
		}
		if done, err := attempt(); done || err != nil {
			return err
		}
		time := unix.NsecToTimespec(slice.Nanoseconds())
		_, _, _ = syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(doorbell)), 0 /* FUTEX_WAIT */, uintptr(seen),
			uintptr(unsafe.Pointer(&time)), 0, 0)
		if r.load(r.at(r.slot, "SLOT_ID")) != r.me {
			return errors.New("another participant has declared this one dead, or the file was truncated")
		}
		if holder := peer(); holder != 0 && !r.isAlive(holder&0xff-1) {
			if err := r.recoverTheDead(); err != nil {
				return err
			}
		}
	}
}
