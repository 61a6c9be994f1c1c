package dhmem

import (
	"syscall"
	"unsafe"
)

// isReadable tells whether the descriptor has something now. Go's poller waits until it may.
func isReadable(fd uintptr) bool {
	const pollIn = 1
	polled := struct {
		fd     int32
		events int16
		result int16
	}{fd: int32(fd), events: pollIn}
	var instant syscall.Timespec
	for {
		count, _, err := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&polled)), 1,
			uintptr(unsafe.Pointer(&instant)), 0, 0, 0)
		if err != syscall.EINTR {
			return err != 0 || count > 0
		}
	}
}
