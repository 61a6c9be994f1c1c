package dhmem

import (
	"fmt"
	"reflect"
	"strings"
	"unsafe"
)

var dtypes = map[reflect.Kind]string{
	reflect.Int8: "i8", reflect.Uint8: "u8", reflect.Int16: "i16", reflect.Uint16: "u16", reflect.Int32: "i32",
	reflect.Uint32: "u32", reflect.Int64: "i64", reflect.Uint64: "u64", reflect.Float32: "f32", reflect.Float64: "f64",
}

// Record is what a queue of records, a struct or a map's value can be: a Number, or a struct of Numbers. A struct's fields
// have the names that their tags give them, or else their own with a small first letter:
//
//	type Params struct {
//		A    float64 // a
//		Step uint32  `dhmem:"step"`
//	}
//
// The type is checked when something is opened with it: ErrBadArgument if it is another one.
type Record any

// typeText is the type as the region has it.
func typeText(of reflect.Type) (string, error) {
	if dtype, ok := dtypes[of.Kind()]; ok {
		return dtype, nil
	}
	if of.Kind() != reflect.Struct || of.NumField() == 0 {
		return "", badArgument("The type", of.String(), "a number of a fixed size, such as float64, or a struct of these")
	}
	var fields []string
	end := uintptr(0)
	for i := range of.NumField() {
		field := of.Field(i)
		dtype, ok := dtypes[field.Type.Kind()]
		if !ok {
			return "", badArgument("The type of field "+field.Name, field.Type.String(),
				"a number of a fixed size, such as float64")
		}
		size := field.Type.Size()
		end = (end+size-1)/size*size + size
		if field.Offset != end-size {
			return "", fail(ErrUnsupported, "Field %s is at byte %d here, and at %d in a region; order the fields by size",
				field.Name, field.Offset, end-size)
		}
		fields = append(fields, fieldName(field)+": "+dtype)
	}
	return "{ " + strings.Join(fields, ", ") + " }", nil
}

func fieldName(field reflect.StructField) string {
	name, ok := field.Tag.Lookup("dhmem")
	if !ok {
		name = strings.ToLower(field.Name[:1]) + field.Name[1:]
	}
	for i, letter := range name {
		if letter > 127 || !(letter == '_' || letter == '$' || letter|0x20 >= 'a' && letter|0x20 <= 'z' || i > 0 && letter >= '0' && letter <= '9') {
			return fmt.Sprintf("%q", name)
		}
	}
	return name
}

func textOf[T any]() (string, error) { return typeText(reflect.TypeFor[T]()) }

func sizeOf[T any]() int {
	var one T
	return int(unsafe.Sizeof(one))
}

// bytesOf is the memory of a value.
func bytesOf[T any](value *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(value)), sizeOf[T]())
}
