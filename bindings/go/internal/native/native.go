//go:build linux && cgo

// Package native is the library for C, which this folder has in the packed module, as calls.h makes it callable.
//
// Every method of Calls needs the region's lock, and what it returns about a failure is in Why until the next call.
package native

/*
#cgo CFLAGS: -std=c11 -D_GNU_SOURCE -fvisibility=hidden -fno-strict-aliasing -pthread
#cgo CFLAGS: -DWASM_RT_USE_MMAP=0 -DWASM_RT_MEMCHECK_BOUNDS_CHECK=1
#cgo CFLAGS: -DWASM_RT_NONCONFORMING_UNCHECKED_STACK_EXHAUSTION=1 -Dwasm_rt_trap=dhmem_core_trap
#cgo CFLAGS: -Dwasm_rt_is_initialized=dhmem_core_is_initialized -Dw2c_env_memory=dhmem_core_memory
#cgo LDFLAGS: -pthread -ldl -lm
#include <stdlib.h>
#include "calls.h"
#cgo noescape go_send
#cgo nocallback go_send
#cgo noescape go_receive
#cgo nocallback go_receive
#cgo noescape go_release
#cgo nocallback go_release
#cgo noescape go_next
#cgo nocallback go_next
#cgo noescape go_receive_many
#cgo nocallback go_receive_many
#cgo noescape go_release_many
#cgo nocallback go_release_many
#cgo noescape go_push
#cgo nocallback go_push
#cgo noescape go_pop
#cgo nocallback go_pop
*/
import "C"

import (
	"strings"
	"unsafe"
)

// Code is the result of a call: OK, End, Interrupted, or the negative number of an error.
type Code = int

// The codes that are more than errors.
const (
	OK          Code = C.DHMEM_OK
	End         Code = C.DHMEM_END
	Interrupted Code = C.DHMEM_INTERRUPTED
	NotFound    Code = C.DHMEM_NOT_FOUND
	Timeout     Code = C.DHMEM_TIMEOUT
	// NoCode is none of C: the error says everything.
	NoCode      Code = -1000
	Closed      Code = C.DHMEM_CLOSED
	BadArgument Code = C.DHMEM_BAD_ARGUMENT
)

// What tokens refer to.
const (
	KindBlock  = C.DHMEM_KIND_BLOCK
	KindStruct = C.DHMEM_KIND_STRUCT
	KindArray  = C.DHMEM_KIND_ARRAY
	KindVector = C.DHMEM_KIND_VECTOR
)

// Calls is a region, and the results of the last call.
type Calls C.struct_calls

// Options of a region, and 0 or "" for what is not given.
type Options struct {
	Mode        int
	Size        uint64
	Permissions uint32
	LastClose   bool
	Directory   string
	Label       string
	Trust       string
}

// terminated is a copy for C. A zero, where the text would end for C, becomes a byte that no name, folder or token has.
func terminated(of string) *C.char { return C.CString(strings.ReplaceAll(of, "\x00", "\xff")) }

// text is a copy for C, or NULL if there is none.
func text(of string) *C.char {
	if of == "" {
		return nil
	}
	return terminated(of)
}

func free(texts ...*C.char) {
	for _, each := range texts {
		C.free(unsafe.Pointer(each))
	}
}

func (o Options) fill() C.struct_dhmem_options {
	options := C.struct_dhmem_options{
		mode:        uint32(o.Mode),
		size:        C.uint64_t(o.Size),
		permissions: C.uint(o.Permissions),
		directory:   text(o.Directory),
		label:       text(o.Label),
		trust:       text(o.Trust),
	}
	if o.LastClose {
		options.lifetime = C.DHMEM_LAST_CLOSE
	}
	return options
}

func withOptions(o Options, call func(options *C.struct_dhmem_options) C.int) Code {
	options := (*C.struct_dhmem_options)(C.calloc(1, C.sizeof_struct_dhmem_options))
	*options = o.fill()
	defer func() {
		free(options.directory, options.label, options.trust)
		C.free(unsafe.Pointer(options))
	}()
	return Code(call(options))
}

// New makes the place for the results of a region that is not open yet.
func New() *Calls { return (*Calls)(C.go_calls()) }

// Discard frees it. Its region must be dropped before.
func (c *Calls) Discard() { C.go_free(c.c()) }

func (c *Calls) c() *C.struct_calls { return (*C.struct_calls)(c) }

// Why is the text of the last failure.
func (c *Calls) Why() string { return C.GoString(&c.why[0]) }

// Open opens a region by its name, or by its path if that has a slash.
func (c *Calls) Open(name string, options Options) Code {
	named := terminated(name)
	defer free(named)
	return withOptions(options, func(o *C.struct_dhmem_options) C.int { return C.go_open(c.c(), named, o) })
}

// Unlink removes a region's file.
func (c *Calls) Unlink(name string, options Options) Code {
	named := terminated(name)
	defer free(named)
	return withOptions(options, func(o *C.struct_dhmem_options) C.int { return C.go_unlink(c.c(), named, o) })
}

// UnlinkRegion removes the file of this region, which may be closed.
func (c *Calls) UnlinkRegion() Code { return Code(C.go_unlink_region(c.c())) }

// Close leaves the region. Its memory stays readable until Drop.
func (c *Calls) Close() { C.dhmem_close(c.region) }

// Drop unmaps it.
func (c *Calls) Drop() { C.dhmem_drop(c.region) }

// Path of the region's file.
func (c *Calls) Path() string { return C.GoString(C.dhmem_path(c.region)) }

// Size of the region in bytes.
func (c *Calls) Size() uint64 { return uint64(C.dhmem_size(c.region)) }

// Check says whether the region can be used.
func (c *Calls) Check() Code { return Code(C.go_check(c.c())) }

// Recover recovers from the dead, and says how many these were.
func (c *Calls) Recover() (int, Code) {
	code := Code(C.go_recover(c.c()))
	return int(c.number), code
}

// Trim gives free pages back, and says how many bytes.
func (c *Calls) Trim() (uint64, Code) {
	code := Code(C.go_trim(c.c()))
	return uint64(c.number), code
}

// HasParticipant says whether a living participant has this label.
func (c *Calls) HasParticipant(label string) (bool, Code) {
	named := terminated(label)
	defer free(named)
	code := Code(C.go_has_participant(c.c(), named))
	return bool(c.flag), code
}

// Activity is what has happened in a queue.
type Activity struct{ Consumers, Ended, EndsRead, Head, Next uint32 }

// Activity looks at a queue without opening it.
func (c *Calls) Activity(queue string) (Activity, Code) {
	named := terminated(queue)
	defer free(named)
	code := Code(C.go_activity(c.c(), named))
	a := c.activity
	return Activity{uint32(a.consumers), uint32(a.ended), uint32(a.ends_read), uint32(a.head), uint32(a.next)}, code
}

// Remove removes a named object, and says whether there was one.
func (c *Calls) Remove(name string) (bool, Code) {
	named := terminated(name)
	defer free(named)
	code := Code(C.go_remove(c.c(), named))
	return bool(c.flag), code
}

// Descriptor for the event loop.
func (c *Calls) Descriptor() (int, Code) {
	code := Code(C.go_fd(c.c()))
	return int(int32(c.number)), code
}

// ClearDescriptor makes it unreadable.
func (c *Calls) ClearDescriptor() { C.dhmem_fd_clear(c.region) }

// CodeName is "DHMEM_TIMEOUT" for its code.
func CodeName(code Code) string { return C.GoString(C.dhmem_code_name(C.int(code))) }
