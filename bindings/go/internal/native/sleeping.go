//go:build linux && cgo

package native

// #include "calls.h"
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

// Sleeper is told when a call sleeps, which releases the region's lock meanwhile.
type Sleeper interface {
	BeforeSleep()
	// AfterSleep returns true if the call shall end, with Interrupted.
	AfterSleep() bool
}

// Waiting is a Sleeper as C knows it. Delete it when no call can use it any more.
type Waiting = cgo.Handle

// NewWaiting makes one.
func NewWaiting(sleeper Sleeper) Waiting { return cgo.NewHandle(sleeper) }

//export goBeforeSleep
func goBeforeSleep(waiting C.uintptr_t) { cgo.Handle(waiting).Value().(Sleeper).BeforeSleep() }

//export goAfterSleep
func goAfterSleep(waiting C.uintptr_t) C.int {
	if cgo.Handle(waiting).Value().(Sleeper).AfterSleep() {
		return 1
	}
	return 0
}

//export goEntry
func goEntry(each C.uintptr_t, key unsafe.Pointer, keyLength C.size_t, value unsafe.Pointer, valueLength C.size_t) C.int {
	call := cgo.Handle(each).Value().(func(key, value []byte) bool)
	if call(unsafe.Slice((*byte)(key), int(keyLength)), unsafe.Slice((*byte)(value), int(valueLength))) {
		return 1
	}
	return 0
}
