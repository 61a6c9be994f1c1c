package dhmem

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"unsafe"

	"dhmem/internal/native"
)

// Struct is a named struct in the region. From OpenStruct. It is shared at once: what one participant writes, others read,
// so guard it with a Mutex unless single aligned numbers are enough.
type Struct[T any] struct {
	named
}

// Array is a named array in the region, in row-major order. From OpenArray. It is shared at once.
type Array[T Number] struct {
	named
	shape []int
}

// named is what structs and arrays have in common.
type named struct {
	region *Region
	name   string
	handle native.Memory
	data   unsafe.Pointer
	length int
}

func openNamed(region *Region, isStruct bool, name, text, token string) (n named, its string, err error) {
	s := region.state
	s.Lock()
	defer s.Unlock()
	handle, err := got(s, func() (native.Memory, native.Code) {
		if token != "" {
			return s.calls.LoadMemory(token)
		}
		return s.calls.OpenMemory(isStruct, name, text)
	})
	if err != nil {
		return n, "", err
	}
	data, length, its := native.LookAt(handle)
	return named{region, name, handle, data, length}, its, nil
}

func keepNamed[T any](object *T, n named) *T {
	s := n.region.state
	runtime.AddCleanup(object, func(handle native.Memory) { closeLater(s, s.calls.CloseMemory, handle) }, n.handle)
	return object
}

// check returns why it can't be used.
func (n *named) check() error {
	s := n.region.state
	s.Lock()
	defer s.Unlock()
	if code := s.calls.CheckMemory(n.handle); code != native.OK {
		return failed(s.calls, code)
	}
	return nil
}

func (n *named) checked() unsafe.Pointer {
	if err := n.check(); err != nil {
		panic(err)
	}
	return n.data
}

// Save returns a token: text by which any process finds it.
func (n *named) Save() (string, error) {
	s := n.region.state
	s.Lock()
	defer s.Unlock()
	return got(s, func() (string, native.Code) { return s.calls.SaveMemory(n.handle) })
}

// OpenStruct opens the struct of this name, or makes it, with zeros. T is a struct of Numbers.
//
//	type Params struct {
//		A    float64
//		Step uint32
//	}
//	params, err := dhmem.OpenStruct[Params](region, "params")
//	params.Live().Step++
func OpenStruct[T any](region *Region, name string) (*Struct[T], error) {
	return openStruct[T](region, name, "")
}

// LoadStruct returns the struct under a token.
func LoadStruct[T any](region *Region, token string) (*Struct[T], error) {
	return openStruct[T](region, "", token)
}

func openStruct[T any](region *Region, name, token string) (*Struct[T], error) {
	text, err := textOf[T]()
	if err != nil {
		return nil, err
	}
	if reflect.TypeFor[T]().Kind() != reflect.Struct {
		return nil, badArgument("The type", text, "a struct of numbers")
	}
	n, its, err := openNamed(region, true, name, text, token)
	if err != nil {
		return nil, err
	}
	object := keepNamed(&Struct[T]{n}, n)
	if its != text || n.length != sizeOf[T]() {
		return nil, fail(ErrTypeMismatch, "The struct is %s, and %s here; use the same fields", its, text)
	}
	return object, nil
}

// Live is the struct in the region itself. It is valid until the struct is removed here, or the region is closed. Panics
// with the error if the struct can't be used any more.
func (o *Struct[T]) Live() *T { return (*T)(o.checked()) }

// Get returns a copy.
func (o *Struct[T]) Get() (value T, err error) {
	if err = o.check(); err == nil {
		value = *(*T)(o.data)
	}
	return value, err
}

// Set changes all fields.
func (o *Struct[T]) Set(value T) error {
	err := o.check()
	if err == nil {
		*(*T)(o.data) = value
	}
	return err
}

// OpenArray opens the array of this name, or makes it, with zeros. Without a shape it must exist.
//
//	grid, err := dhmem.OpenArray[float64](region, "grid", 1000, 3)
//	grid.Data()[3*i+j] = 1.5
func OpenArray[T Number](region *Region, name string, shape ...int) (*Array[T], error) {
	return openArray[T](region, name, "", shape)
}

// LoadArray returns the array under a token.
func LoadArray[T Number](region *Region, token string) (*Array[T], error) {
	return openArray[T](region, "", token, nil)
}

func openArray[T Number](region *Region, name, token string, shape []int) (*Array[T], error) {
	dtype, err := textOf[T]()
	if err != nil {
		return nil, err
	}
	text := ""
	if len(shape) > 0 {
		text = dtype + strings.ReplaceAll(fmt.Sprint(shape), " ", ",")
	}
	n, its, err := openNamed(region, false, name, text, token)
	if err != nil {
		return nil, err
	}
	object := keepNamed(&Array[T]{named: n}, n)
	lengths, ok := strings.CutPrefix(its, dtype+"[")
	if !ok {
		return nil, fail(ErrTypeMismatch, "The array is %s, and has the type %s here; use the same", its, dtype)
	}
	for _, each := range strings.Split(strings.TrimSuffix(lengths, "]"), ",") {
		length := 0
		fmt.Sscan(each, &length)
		object.shape = append(object.shape, length)
	}
	return object, nil
}

// Shape is the length in each dimension.
func (a *Array[T]) Shape() []int { return append([]int{}, a.shape...) }

// Len is the number of bytes.
func (a *Array[T]) Len() int { return a.length }

// Bytes is the array in the region itself. Panics with the error if the array can't be used any more.
func (a *Array[T]) Bytes() []byte { return unsafe.Slice((*byte)(a.checked()), a.length) }

// Data is the elements in the region itself. They are valid until the array is removed here, or the region
// is closed. Panics as Bytes does.
func (a *Array[T]) Data() []T { return View[T](a) }
