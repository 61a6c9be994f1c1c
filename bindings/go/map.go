package dhmem

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"dhmem/internal/native"
)

// Key is what a map's keys can be.
type Key interface {
	~string | ~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64
}

// Map is a hash map. From OpenMap. Each change is atomic, even if its participant dies. Goroutines may use it at the same
// time.
type Map[K Key, V any] struct {
	region *Region
	name   string
	handle native.Map
}

// OpenMap opens the map of this name, or makes it. Values are strings, []byte, or a Record.
//
//	best, err := dhmem.OpenMap[string, float64](region, "best")
func OpenMap[K Key, V any](region *Region, name string) (*Map[K, V], error) {
	key, err := entryText(reflect.TypeFor[K]())
	if err != nil {
		return nil, err
	}
	value, err := entryText(reflect.TypeFor[V]())
	if err != nil {
		return nil, err
	}
	s := region.state
	s.Lock()
	defer s.Unlock()
	handle, err := got(s, func() (native.Map, native.Code) { return s.calls.OpenMap(name, key, value) })
	if err != nil {
		return nil, err
	}
	m := &Map[K, V]{region, name, handle}
	runtime.AddCleanup(m, func(handle native.Map) { closeLater(s, s.calls.CloseMap, handle) }, handle)
	return m, nil
}

func isBytes(of reflect.Type) bool {
	return of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Uint8
}

func entryText(of reflect.Type) (string, error) {
	switch {
	case of.Kind() == reflect.String:
		return "string", nil
	case isBytes(of):
		return "bytes", nil
	}
	return typeText(of)
}

// encode is the bytes of a key or a value, in place.
func encode[T any](value *T) []byte {
	switch of := reflect.TypeFor[T](); {
	case of.Kind() == reflect.String:
		text := *(*string)(unsafe.Pointer(value))
		return unsafe.Slice(unsafe.StringData(text), len(text))
	case isBytes(of):
		return *(*[]byte)(unsafe.Pointer(value))
	}
	return bytesOf(value)
}

// decode copies a key or a value.
func decode[T any](data []byte) (value T) {
	switch of := reflect.TypeFor[T](); {
	case of.Kind() == reflect.String:
		*(*string)(unsafe.Pointer(&value)) = string(data)
	case isBytes(of):
		*(*[]byte)(unsafe.Pointer(&value)) = append([]byte{}, data...)
	default:
		copy(bytesOf(&value), data)
	}
	return value
}

// Len is the number of entries.
func (m *Map[K, V]) Len() (int, error) {
	s := m.region.state
	s.Lock()
	defer s.Unlock()
	return got(s, func() (int, native.Code) { return s.calls.MapSize(m.handle) })
}

// Get returns a copy of the value for the key, and whether there is one.
func (m *Map[K, V]) Get(key K) (value V, found bool, err error) {
	s := m.region.state
	data := make([]byte, max(sizeOf[V](), 64))
	// While the call sleeps, a cleanup may take the lock.
	defer runtime.KeepAlive(m)
	s.Lock()
	defer s.Unlock()
	for {
		length, code := s.calls.MapGet(s.waiting, m.handle, encode(&key), data)
		switch {
		case code == native.NotFound:
			return value, false, nil
		case code != native.OK:
			return value, false, failed(s.calls, code)
		case length <= len(data):
			return decode[V](data[:length]), true, nil
		}
		data = make([]byte, length)
	}
}

// Set sets the value for the key. It waits for a participant that changes the map.
func (m *Map[K, V]) Set(key K, value V) error {
	changes := m.region.state.changes(m.name)
	changes <- struct{}{}
	defer func() { <-changes }()
	return m.set(key, value)
}

func (m *Map[K, V]) set(key K, value V) error {
	s := m.region.state
	defer runtime.KeepAlive(m)
	s.Lock()
	defer s.Unlock()
	if code := s.calls.MapSet(s.waiting, m.handle, encode(&key), encode(&value)); code != native.OK {
		return failed(s.calls, code)
	}
	return nil
}

// Delete deletes an entry, and says whether there was one.
func (m *Map[K, V]) Delete(key K) (bool, error) {
	s := m.region.state
	changes := s.changes(m.name)
	changes <- struct{}{}
	defer func() { <-changes }()
	defer runtime.KeepAlive(m)
	s.Lock()
	defer s.Unlock()
	return got(s, func() (bool, native.Code) { return s.calls.MapDelete(s.waiting, m.handle, encode(&key)) })
}

// Update sets the value for the key to what `change` makes of the old one, in one step. `found` says whether there is an
// old one. Do not change the map inside it.
//
//	err := counts.Update(ctx, "seen", func(old float64, found bool) float64 { return old + 1 })
func (m *Map[K, V]) Update(ctx context.Context, key K, change func(old V, found bool) V) (err error) {
	s := m.region.state
	if err := m.begin(ctx); err != nil {
		return err
	}
	changes := s.changes(m.name)
	defer func() { <-changes }()
	if _, err := s.wait(ctx, func() native.Code { return s.calls.MapLock(m.handle) }); err != nil {
		return err
	}
	defer func() {
		s.Lock()
		defer s.Unlock()
		if code := s.calls.MapUnlock(m.handle); code != native.OK {
			err = errors.Join(err, failed(s.calls, code))
		}
	}()
	old, found, err := m.Get(key)
	if err != nil {
		return err
	}
	return m.set(key, change(old, found))
}

// begin takes the lock between goroutines.
func (m *Map[K, V]) begin(ctx context.Context) error {
	changes, begun := m.region.state.changes(m.name), time.Now()
	// A context that is over allows one attempt.
	select {
	case changes <- struct{}{}:
		return nil
	default:
	}
	select {
	case changes <- struct{}{}:
		return nil
	case <-ctx.Done():
		return late(ctx, "Waited 0 ms for map "+m.name+"; allow more time, and do not update a map inside its own update", begun)
	}
}

// All is a copy of all entries as they are now, in no particular order. It is empty if the map can't be read: Check the
// region then.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	type entry struct {
		key   K
		value V
	}
	return func(yield func(K, V) bool) {
		var entries []entry
		s := m.region.state
		s.Lock()
		s.calls.MapEach(s.waiting, m.handle, func(key, value []byte) bool {
			entries = append(entries, entry{decode[K](key), decode[V](value)})
			return true
		})
		s.Unlock()
		runtime.KeepAlive(m)
		for _, each := range entries {
			if !yield(each.key, each.value) {
				return
			}
		}
	}
}

// String names the map.
func (m *Map[K, V]) String() string { return strings.Join([]string{"map", m.name}, " ") }
