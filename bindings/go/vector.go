package dhmem

import (
	"iter"
	"runtime"
	"unsafe"

	"dhmem/internal/native"
)

// Vector is a sequence of numbers that grows. From OpenVector. Changes wait for one another; reading never waits.
// Goroutines may use it at the same time.
type Vector[T Number] struct {
	region *Region
	name   string
	handle native.Vector
}

// OpenVector opens the vector of this name, or makes it.
func OpenVector[T Number](region *Region, name string) (*Vector[T], error) {
	dtype, err := textOf[T]()
	if err != nil {
		return nil, err
	}
	s := region.state
	defer runtime.KeepAlive(region)
	s.Lock()
	defer s.Unlock()
	handle, err := got(s, func() (native.Vector, native.Code) { return s.calls.OpenVector(s.waiting, name, dtype) })
	if err != nil {
		return nil, err
	}
	return newVector[T](region, name, handle), nil
}

// LoadVector returns the vector under a token.
func LoadVector[T Number](region *Region, token string) (*Vector[T], error) {
	dtype, err := textOf[T]()
	if err != nil {
		return nil, err
	}
	s := region.state
	s.Lock()
	defer s.Unlock()
	handle, err := got(s, func() (native.Vector, native.Code) { return s.calls.LoadVector(token) })
	if err != nil {
		return nil, err
	}
	vector := newVector[T](region, "", handle)
	if its := native.DTypeOf(handle); its != dtype {
		return nil, fail(ErrTypeMismatch, "The vector has the type %s, and %s here; use the same", its, dtype)
	}
	return vector, nil
}

func newVector[T Number](region *Region, name string, handle native.Vector) *Vector[T] {
	s := region.state
	v := &Vector[T]{region, name, handle}
	runtime.AddCleanup(v, func(handle native.Vector) { closeLater(s, s.calls.CloseVector, handle) }, handle)
	return v
}

// Save returns a token: text by which any process finds it.
func (v *Vector[T]) Save() (string, error) {
	s := v.region.state
	s.Lock()
	defer s.Unlock()
	return got(s, func() (string, native.Code) { return s.calls.SaveVector(v.handle) })
}

// Len is the number of elements.
func (v *Vector[T]) Len() (int, error) {
	s := v.region.state
	s.Lock()
	defer s.Unlock()
	return got(s, func() (int, native.Code) { return s.calls.VectorLength(v.handle) })
}

// Read copies elements from index `first` on, and returns how many there were.
func (v *Vector[T]) Read(first int, into []T) (int, error) {
	if first < 0 {
		return 0, badArgument("first", first, "at least 0")
	}
	s := v.region.state
	// While the call sleeps, a cleanup may take the lock.
	defer runtime.KeepAlive(v)
	s.Lock()
	defer s.Unlock()
	return got(s, func() (int, native.Code) {
		return s.calls.VectorRead(s.waiting, v.handle, first, unsafe.Pointer(unsafe.SliceData(into)), len(into))
	})
}

// Copy is a copy of all elements.
func (v *Vector[T]) Copy() ([]T, error) {
	length, err := v.Len()
	if err != nil {
		return nil, err
	}
	elements := make([]T, length)
	length, err = v.Read(0, elements)
	return elements[:length], err
}

// All is a copy of all elements with their indices. It is empty if the vector can't be read: Check the region then.
func (v *Vector[T]) All() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		elements, _ := v.Copy()
		for i, each := range elements {
			if !yield(i, each) {
				return
			}
		}
	}
}

func (v *Vector[T]) change(call func(s *state) native.Code) error {
	s := v.region.state
	defer runtime.KeepAlive(v)
	s.Lock()
	defer s.Unlock()
	if code := call(s); code != native.OK {
		return failed(s.calls, code)
	}
	return nil
}

// Append appends elements in one step.
func (v *Vector[T]) Append(elements ...T) error {
	return v.change(func(s *state) native.Code {
		return s.calls.VectorAppend(s.waiting, v.handle, unsafe.Pointer(unsafe.SliceData(elements)), len(elements))
	})
}

// Set changes elements that are there, from index `first` on.
func (v *Vector[T]) Set(first int, elements ...T) error {
	if first < 0 {
		return badArgument("first", first, "at least 0")
	}
	return v.change(func(s *state) native.Code {
		return s.calls.VectorWrite(s.waiting, v.handle, first, unsafe.Pointer(unsafe.SliceData(elements)), len(elements))
	})
}

// Pop removes the last element, and says whether there was one.
func (v *Vector[T]) Pop() (element T, found bool, err error) {
	err = v.change(func(s *state) (code native.Code) {
		found, code = s.calls.VectorPop(s.waiting, v.handle, unsafe.Pointer(&element))
		return code
	})
	return element, found && err == nil, err
}

// Resize changes the number of elements. New ones are 0.
func (v *Vector[T]) Resize(length int) error {
	if length < 0 {
		return badArgument("length", length, "at least 0")
	}
	return v.change(func(s *state) native.Code { return s.calls.VectorResize(s.waiting, v.handle, length) })
}
