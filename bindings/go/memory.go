package dhmem

import (
	"unsafe"
)

// Memory is memory of a region that can be read and written in place: a *Message, *Block, *Reservation or *Array.
type Memory interface {
	// Bytes is the memory itself, and no copy.
	Bytes() []byte
	// Len is the number of its bytes.
	Len() int
}

// memory is what messages, blocks and reservations have in common.
type memory struct {
	region *Region
	data   unsafe.Pointer
	length int
	// What it is received by or sent through, if it is a message or a reservation.
	endpoint *endpoint
	// Whether it is still there, if it belongs to the region: any participant may free it then.
	lookUp func() error
	// What has happened to it, as in "was released"; "" while it can be used.
	gone string
	view view
}

func (m *memory) open(region *Region, data unsafe.Pointer, length int) {
	m.region, m.data, m.length, m.gone = region, data, length, ""
}

// close makes it unusable, and views of it too if these are checked.
func (m *memory) close(how string) {
	m.gone = how
	m.view.close()
}

func (m *memory) check() {
	if m.gone != "" {
		panic(fail(ErrClosed, "This memory %s; copy what you need before that", m.gone))
	}
	if m.region.state.closed.Load() {
		panic(fail(ErrClosed, "The region %s is closed; open it again", m.region.path))
	}
	if m.endpoint != nil {
		m.endpoint.check()
	}
	if m.lookUp != nil {
		if err := m.lookUp(); err != nil {
			panic(err)
		}
	}
}

// Len is the number of bytes. It panics with ErrClosed after the memory was released.
func (m *memory) Len() int {
	m.check()
	return m.length
}

// Bytes is the memory of the region itself, without a copy. It is valid until it is released, sent or freed, or its queue's
// endpoint or the region is closed, or its queue is removed here, and must not be used after that: the memory belongs to
// others then. Programs that are built with the race detector, or with the tag dhmemdebug, crash where it is used after it was
// released, sent or freed; others read what others have written.
//
// It panics with ErrClosed after the memory was released.
func (m *memory) Bytes() []byte {
	m.check()
	return unsafe.Slice((*byte)(m.view.of(m.data, m.length)), m.length)
}

// Copy is a copy of the bytes, which stays valid.
func (m *memory) Copy() []byte {
	m.check()
	return append([]byte{}, unsafe.Slice((*byte)(m.data), m.length)...)
}

// Text is a copy of the bytes as a string.
func (m *memory) Text() string {
	m.check()
	return string(unsafe.Slice((*byte)(m.data), m.length))
}

// CopyTo copies bytes from the start of the memory, and returns how many.
func (m *memory) CopyTo(into []byte) int {
	m.check()
	return copy(into, unsafe.Slice((*byte)(m.data), m.length))
}

// Number is what View can view: every fixed-size number.
type Number interface {
	~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~float32 | ~float64
}

// BytesOf is the memory of numbers as bytes, without a copy.
func BytesOf[T Number](numbers []T) []byte {
	var one T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(numbers))), len(numbers)*int(unsafe.Sizeof(one)))
}

// View is memory as numbers, in place, and valid as long as Bytes. If the memory is no whole number of them, the rest is
// left out: compare the length with what you expect.
//
//	for _, value := range dhmem.View[float64](message.Block()) {
//		sum += value
//	}
func View[T Number](of Memory) []T {
	bytes := of.Bytes()
	var one T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(bytes))), len(bytes)/int(unsafe.Sizeof(one)))
}
