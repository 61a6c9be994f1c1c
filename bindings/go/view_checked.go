//go:build race || dhmemdebug

package dhmem

import (
	"sync"
	"syscall"
	"unsafe"
)

// checksViews is whether a late use of a slice crashes.
const checksViews = true

// A checked view is a further mapping of the same pages, which nobody can access any more after the view's end: a program
// that uses it then crashes, and Go prints where.
type view struct {
	start  uintptr
	length uintptr
	data   unsafe.Pointer
}

// Past views, whose addresses are not used for anything else for a while.
var past struct {
	sync.Mutex
	views [512]view
	next  int
}

func (v *view) of(data unsafe.Pointer, length int) unsafe.Pointer {
	if v.start == 0 && length > 0 {
		v.open(uintptr(data), length)
	}
	if v.start == 0 {
		return data
	}
	return v.data
}

func (v *view) open(address uintptr, length int) {
	const mayMove = 1
	page := uintptr(syscall.Getpagesize())
	from := address &^ (page - 1)
	to := (address + uintptr(length) + page - 1) &^ (page - 1)
	// Of shared memory, an old size of 0 makes a second mapping.
	start, _, err := syscall.Syscall6(syscall.SYS_MREMAP, from, 0, to-from, mayMove, 0, 0)
	if err == 0 {
		*v = view{start: start, length: to - from}
		*(*uintptr)(unsafe.Pointer(&v.data)) = start + (address - from)
	}
}

func (v *view) close() {
	if v.start == 0 {
		return
	}
	const anonymous = syscall.MAP_PRIVATE | syscall.MAP_ANON | syscall.MAP_FIXED | syscall.MAP_NORESERVE
	none := ^uintptr(0)
	syscall.Syscall6(syscall.SYS_MMAP, v.start, v.length, syscall.PROT_NONE, anonymous, none, 0)
	past.Lock()
	defer past.Unlock()
	oldest := &past.views[past.next]
	if oldest.start != 0 {
		syscall.Syscall(syscall.SYS_MUNMAP, oldest.start, oldest.length, 0)
	}
	*oldest = *v
	past.next = (past.next + 1) % len(past.views)
	*v = view{}
}
