//go:build linux && cgo

package native

// #include "calls.h"
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

// What is open of named objects. Each must be closed.
type (
	Memory    unsafe.Pointer
	Vector    unsafe.Pointer
	Map       unsafe.Pointer
	Mutex     unsafe.Pointer
	Condition unsafe.Pointer
)

// OpenMemory opens a struct or an array. If it must exist, `of` is "".
func (c *Calls) OpenMemory(isStruct bool, name, of string) (Memory, Code) {
	named, typed := terminated(name), text(of)
	defer free(named, typed)
	if isStruct {
		code := Code(C.go_struct(c.c(), named, typed, nil))
		return Memory(c.handle), code
	}
	code := Code(C.go_array(c.c(), named, typed, nil))
	return Memory(c.handle), code
}

// LoadMemory opens a struct or an array by a token.
func (c *Calls) LoadMemory(token string) (Memory, Code) {
	code := c.byToken(token, func(t *C.char) C.int { return C.go_memory_load(c.c(), t) })
	return Memory(c.handle), code
}

// SaveMemory makes a token.
func (c *Calls) SaveMemory(memory Memory) (string, Code) {
	code := Code(C.go_memory_save(c.c(), (*C.dhmem_memory)(memory)))
	return c.tokenOf(code), code
}

// CheckMemory says whether it can be used.
func (c *Calls) CheckMemory(memory Memory) Code {
	return Code(C.go_memory_check(c.c(), (*C.dhmem_memory)(memory)))
}

// CloseMemory closes it.
func (c *Calls) CloseMemory(memory Memory) { C.dhmem_memory_close((*C.dhmem_memory)(memory)) }

// LookAt says where it is, how long, and its type.
func LookAt(memory Memory) (unsafe.Pointer, int, string) {
	m := (*C.dhmem_memory)(memory)
	return C.dhmem_memory_data(m), int(C.dhmem_memory_length(m)), C.GoString(C.dhmem_memory_type(m))
}

// OpenVector opens a vector.
func (c *Calls) OpenVector(waiting Waiting, name, dtype string) (Vector, Code) {
	named, typed := terminated(name), text(dtype)
	defer free(named, typed)
	code := Code(C.go_vector(c.c(), C.uintptr_t(waiting), named, typed))
	return Vector(c.handle), code
}

// LoadVector opens a vector by a token.
func (c *Calls) LoadVector(token string) (Vector, Code) {
	code := c.byToken(token, func(t *C.char) C.int { return C.go_vector_load(c.c(), t) })
	return Vector(c.handle), code
}

// CloseVector closes it.
func (c *Calls) CloseVector(vector Vector) { C.dhmem_vector_close((*C.dhmem_vector)(vector)) }

// DTypeOf is the type of its elements.
func DTypeOf(vector Vector) string {
	return C.GoString(C.dhmem_vector_dtype((*C.dhmem_vector)(vector)))
}

// SaveVector makes a token.
func (c *Calls) SaveVector(vector Vector) (string, Code) {
	code := Code(C.go_vector_save(c.c(), (*C.dhmem_vector)(vector)))
	return c.tokenOf(code), code
}

// VectorLength is the number of elements.
func (c *Calls) VectorLength(vector Vector) (int, Code) {
	code := Code(C.go_vector_length(c.c(), (*C.dhmem_vector)(vector)))
	return int(c.number), code
}

// VectorRead copies elements, and says how many there were.
func (c *Calls) VectorRead(waiting Waiting, vector Vector, first int, into unsafe.Pointer, count int) (int, Code) {
	code := Code(C.go_vector_read(c.c(), C.uintptr_t(waiting), (*C.dhmem_vector)(vector), C.size_t(first), into, C.size_t(count)))
	return int(c.number), code
}

// VectorAppend appends elements.
func (c *Calls) VectorAppend(waiting Waiting, vector Vector, from unsafe.Pointer, count int) Code {
	return Code(C.go_vector_append(c.c(), C.uintptr_t(waiting), (*C.dhmem_vector)(vector), from, C.size_t(count)))
}

// VectorWrite changes elements.
func (c *Calls) VectorWrite(waiting Waiting, vector Vector, first int, from unsafe.Pointer, count int) Code {
	return Code(C.go_vector_write(c.c(), C.uintptr_t(waiting), (*C.dhmem_vector)(vector), C.size_t(first), from, C.size_t(count)))
}

// VectorPop removes the last element, and says whether there was one.
func (c *Calls) VectorPop(waiting Waiting, vector Vector, into unsafe.Pointer) (bool, Code) {
	code := Code(C.go_vector_pop(c.c(), C.uintptr_t(waiting), (*C.dhmem_vector)(vector), into))
	return bool(c.flag), code
}

// VectorResize changes the number of elements.
func (c *Calls) VectorResize(waiting Waiting, vector Vector, length int) Code {
	return Code(C.go_vector_resize(c.c(), C.uintptr_t(waiting), (*C.dhmem_vector)(vector), C.size_t(length)))
}

// OpenMap opens a map.
func (c *Calls) OpenMap(name, key, value string) (Map, Code) {
	named, k, v := terminated(name), text(key), text(value)
	defer free(named, k, v)
	code := Code(C.go_map(c.c(), named, k, v))
	return Map(c.handle), code
}

// CloseMap closes it.
func (c *Calls) CloseMap(m Map) { C.dhmem_map_close((*C.dhmem_map)(m)) }

// MapSize is the number of entries.
func (c *Calls) MapSize(m Map) (int, Code) {
	code := Code(C.go_map_size(c.c(), (*C.dhmem_map)(m)))
	return int(c.number), code
}

func bytes(of []byte) (unsafe.Pointer, C.size_t) {
	return unsafe.Pointer(unsafe.SliceData(of)), C.size_t(len(of))
}

// MapGet copies a value, and says how long it is.
func (c *Calls) MapGet(waiting Waiting, m Map, key, into []byte) (int, Code) {
	k, kn := bytes(key)
	v, vn := bytes(into)
	code := Code(C.go_map_get(c.c(), C.uintptr_t(waiting), (*C.dhmem_map)(m), k, kn, v, vn))
	return int(c.number), code
}

// MapSet sets a value.
func (c *Calls) MapSet(waiting Waiting, m Map, key, value []byte) Code {
	k, kn := bytes(key)
	v, vn := bytes(value)
	return Code(C.go_map_set(c.c(), C.uintptr_t(waiting), (*C.dhmem_map)(m), k, kn, v, vn))
}

// MapDelete deletes an entry, and says whether there was one.
func (c *Calls) MapDelete(waiting Waiting, m Map, key []byte) (bool, Code) {
	k, kn := bytes(key)
	code := Code(C.go_map_delete(c.c(), C.uintptr_t(waiting), (*C.dhmem_map)(m), k, kn))
	return bool(c.flag), code
}

// MapEach calls `each` with every entry, until it returns false. The bytes are valid until then.
func (c *Calls) MapEach(waiting Waiting, m Map, each func(key, value []byte) bool) Code {
	handle := cgo.NewHandle(each)
	defer handle.Delete()
	return Code(C.go_map_each(c.c(), C.uintptr_t(waiting), (*C.dhmem_map)(m), C.uintptr_t(handle)))
}

// MapLock locks the map's mutex if it is free.
func (c *Calls) MapLock(m Map) Code { return Code(C.go_map_lock(c.c(), (*C.dhmem_map)(m))) }

// MapUnlock unlocks it.
func (c *Calls) MapUnlock(m Map) Code { return Code(C.go_map_unlock(c.c(), (*C.dhmem_map)(m))) }

// OpenMutex opens a mutex.
func (c *Calls) OpenMutex(name string) (Mutex, Code) {
	named := terminated(name)
	defer free(named)
	code := Code(C.go_mutex(c.c(), named))
	return Mutex(c.handle), code
}

// CloseMutex closes it.
func (c *Calls) CloseMutex(mutex Mutex) { C.dhmem_mutex_close((*C.dhmem_mutex)(mutex)) }

// Lock locks it if it is free, and says whether its last holder died.
func (c *Calls) Lock(mutex Mutex) (bool, Code) {
	code := Code(C.go_lock(c.c(), (*C.dhmem_mutex)(mutex)))
	return bool(c.flag), code
}

// StopLocking gives up the turn among those who wait.
func (c *Calls) StopLocking(waiting Waiting, mutex Mutex) {
	C.go_stop_locking(c.c(), C.uintptr_t(waiting), (*C.dhmem_mutex)(mutex))
}

// Unlock unlocks it.
func (c *Calls) Unlock(mutex Mutex) Code { return Code(C.go_unlock(c.c(), (*C.dhmem_mutex)(mutex))) }

// OpenCondition opens a condition.
func (c *Calls) OpenCondition(name string) (Condition, Code) {
	named := terminated(name)
	defer free(named)
	code := Code(C.go_condition(c.c(), named))
	return Condition(c.handle), code
}

// CloseCondition closes it.
func (c *Calls) CloseCondition(condition Condition) {
	C.dhmem_condition_close((*C.dhmem_condition)(condition))
}

// SleepOn sleeps once without the mutex, which is locked before and after. `untold` and the result are whether it was abandoned
// and its user could not see that yet.
func (c *Calls) SleepOn(waiting Waiting, condition Condition, mutex Mutex, untold bool) (bool, Code) {
	code := Code(C.go_condition_sleep(
		c.c(), C.uintptr_t(waiting), (*C.dhmem_condition)(condition), (*C.dhmem_mutex)(mutex), C.bool(untold),
	))
	return bool(c.flag), code
}

// Notify wakes one that waits, or all.
func (c *Calls) Notify(condition Condition, all bool) Code {
	return Code(C.go_notify(c.c(), (*C.dhmem_condition)(condition), C.bool(all)))
}
