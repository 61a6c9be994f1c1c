package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"dhmem"
)

type (
	point  struct{ X, Y float64 }
	small  struct{ X float64 }
	record struct {
		ID uint32 `dhmem:"id"`
		X  float64
	}
	odd struct {
		Wide  float64 `dhmem:"größe"`
		Quote uint8   `dhmem:"a\"b"`
	}
	params struct {
		A    float64
		B    int16 `dhmem:"größe b"`
		Step uint32
	}
	state struct{ Step float64 }
)

var (
	numbersIn  = map[string]*dhmem.RecordProducer[float64]{}
	numbersOut = map[string]*dhmem.RecordConsumer[float64]{}
	recordsIn  = map[string]*dhmem.RecordProducer[record]{}
	recordsOut = map[string]*dhmem.RecordConsumer[record]{}
	vectors    = map[string]*dhmem.Vector[float64]{}
	maps       = map[string]*dhmem.Map[string, float64]{}
	texts      = map[string]*dhmem.Map[uint64, string]{}
	grids      = map[string]*dhmem.Array[float64]{}
)

// answerObjects has the commands about other things than queues of messages.
func answerObjects(l line) (string, error) {
	for _, each := range []func(line) (string, bool, error){records, collections, memory, conditionsOf} {
		if text, known, err := each(l); known {
			return text, err
		}
	}
	return "unknown command " + l.command, nil
}

// keep notes what was opened, and leaves what was there before if that has failed.
func keep[T any](among map[string]*T, name string) func(*T, error) error {
	return func(opened *T, err error) error {
		if err == nil {
			among[name] = opened
		}
		return err
	}
}

func records(l line) (text string, known bool, err error) {
	isRecord := strings.HasPrefix(strings.ReplaceAll(l.rest, " ", ""), "{id:u32,x:f64}")
	switch l.command {
	case "push-to":
		if isRecord {
			recordsIn[l.name], err = dhmem.OpenRecordProducer[record](region, l.name)
		} else {
			numbersIn[l.name], err = dhmem.OpenRecordProducer[float64](region, l.name)
		}
		return "producer", true, err
	case "pop-from":
		if isRecord {
			recordsOut[l.name], err = dhmem.OpenRecordConsumer[record](region, l.name)
		} else {
			numbersOut[l.name], err = dhmem.OpenRecordConsumer[float64](region, l.name)
		}
		return "consumer", true, err
	case "push":
		numbers := make([]float64, int(l.number(1)))
		for i := range numbers {
			numbers[i] = l.number(0) + float64(i)
		}
		_, err = numbersIn[l.name].Push(within(patience), numbers...)
		return "pushed", true, err
	case "pop":
		text, err = pop(l)
		return text, true, err
	case "push-struct":
		_, err = recordsIn[l.name].Push(within(patience), record{uint32(l.number(0)), l.number(1)})
		return "pushed", true, err
	case "pop-struct":
		var one [1]record
		_, err = recordsOut[l.name].Pop(within(patience), one[:])
		return fmt.Sprint(one[0].ID, one[0].X), true, err
	case "end-records":
		return "ended", true, numbersIn[l.name].End()
	}
	return "", false, nil
}

func pop(l line) (string, error) {
	sum, numbers := 0.0, make([]float64, 100)
	for left := int(l.number(0)); left > 0; {
		count, err := numbersOut[l.name].Pop(within(patience), numbers[:min(left, 100)])
		if err != nil {
			return "", err
		}
		for _, each := range numbers[:count] {
			sum += each
		}
		left -= count
	}
	return number(sum), nil
}

func number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

func collections(l line) (text string, known bool, err error) {
	switch l.command {
	case "vector":
		if l.rest == "u8" {
			_, err = dhmem.OpenVector[uint8](region, l.name)
			return "u8", true, err
		}
		return "f64", true, keep(vectors, l.name)(dhmem.OpenVector[float64](region, l.name))
	case "append":
		for i := range int(l.number(1)) {
			if err = vectors[l.name].Append(l.number(0) + float64(i)); err != nil {
				break
			}
		}
		return "appended", true, err
	case "sum":
		numbers, err := vectors[l.name].Copy()
		sum := 0.0
		for _, each := range numbers {
			sum += each
		}
		return fmt.Sprintf("%d numbers, %s", len(numbers), number(sum)), true, err
	case "pop-back":
		element, found, err := vectors[l.name].Pop()
		if !found {
			return "empty", true, err
		}
		return number(element), true, err
	case "resize":
		return "resized", true, vectors[l.name].Resize(int(l.number(0)))
	case "vector-token":
		text, err = vectors[l.name].Save()
		return text, true, err
	}
	return mapsOf(l)
}

func openMap(l line) (text string, err error) {
	key, value, _ := strings.Cut(l.rest, " ")
	switch {
	case key == "u64":
		texts[l.name], err = dhmem.OpenMap[uint64, string](region, l.name)
	case strings.HasPrefix(value, "{ x: f64, y"):
		_, err = dhmem.OpenMap[uint32, point](region, l.name)
	case strings.HasPrefix(value, "{"):
		_, err = dhmem.OpenMap[uint32, small](region, l.name)
	case value == "bytes":
		_, err = dhmem.OpenMap[string, []byte](region, l.name)
	default:
		key, value = "string", "f64"
		err = keep(maps, l.name)(dhmem.OpenMap[string, float64](region, l.name))
	}
	return key + " to " + value, err
}

func mapsOf(l line) (text string, known bool, err error) {
	key, value := l.text(0), l.text(1)
	key, _, _ = strings.Cut(key, " ")
	wide, _ := strconv.ParseUint(key, 10, 64)
	switch l.command {
	case "map":
		text, err = openMap(l)
		return text, true, err
	case "put":
		if texts[l.name] != nil {
			return "set", true, texts[l.name].Set(wide, value)
		}
		return "set", true, maps[l.name].Set(key, l.number(1))
	case "look":
		if texts[l.name] != nil {
			text, _, err := texts[l.name].Get(wide)
			return text, true, err
		}
		value, found, err := maps[l.name].Get(key)
		if !found && err == nil {
			return "missing", true, nil
		}
		return number(value), true, err
	case "delete":
		deleted, err := maps[l.name].Delete(key)
		return map[bool]string{true: "deleted", false: "missing"}[deleted], true, err
	case "count-up":
		for range int(l.number(1)) {
			err = maps[l.name].Update(context.Background(), key, func(old float64, _ bool) float64 { return old + 1 })
			if err != nil {
				break
			}
		}
		return "counted", true, err
	case "entries":
		size, err := maps[l.name].Len()
		bytes, sum := 0, 0.0
		for key, value := range maps[l.name].All() {
			bytes, sum = bytes+len(key), sum+value
		}
		return fmt.Sprintf("%d entries, %d bytes of keys, %s", size, bytes, number(sum)), true, err
	}
	return "", false, nil
}

func memory(l line) (text string, known bool, err error) {
	switch l.command {
	case "array":
		if l.rest == "" {
			err = keep(grids, l.name)(dhmem.OpenArray[float64](region, l.name))
		} else {
			var shape []int
			for _, each := range strings.FieldsFunc(strings.TrimPrefix(l.rest, "f64"), func(r rune) bool { return strings.ContainsRune("[], ", r) }) {
				length, _ := strconv.Atoi(each)
				shape = append(shape, length)
			}
			err = keep(grids, l.name)(dhmem.OpenArray[float64](region, l.name, shape...))
		}
		if err != nil {
			return "", true, err
		}
		return "f64" + strings.ReplaceAll(fmt.Sprint(grids[l.name].Shape()), " ", ","), true, nil
	case "get":
		return number(grids[l.name].Data()[int(l.number(0))]), true, nil
	case "set":
		grids[l.name].Data()[int(l.number(0))] = l.number(1)
		return "set", true, nil
	case "token":
		text, err = grids[l.name].Save()
		return text, true, err
	case "load":
		grids[l.name], err = dhmem.LoadArray[float64](region, l.rest)
		return "loaded", true, err
	case "structs":
		return structs()
	case "allocate":
		return "allocated", true, keep(blocks, l.name)(allocate(int(l.number(0)), int(l.number(1))))
	case "clone":
		return "cloned", true, keep(blocks, l.rest)(blocks[l.name].Clone())
	case "free":
		return "freed", true, blocks[l.name].Free()
	case "bytes":
		return describe(blocks[l.name].Bytes()), true, nil
	case "save":
		text, err = blocks[l.name].Save()
		return text, true, err
	case "load-block":
		if err = keep(blocks, l.name)(region.LoadBlock(l.rest)); err != nil {
			return "", true, err
		}
		return describe(blocks[l.name].Bytes()), true, nil
	case "free-saved":
		return "freed", true, region.FreeSaved(l.name)
	}
	return "", false, nil
}

// structs changes structs that the test has made.
func structs() (string, bool, error) {
	one, err := dhmem.OpenStruct[params](region, "params")
	if err != nil {
		return "", true, err
	}
	one.Live().Step = uint32(one.Live().A * 8)
	one.Live().B = -7
	other, err := dhmem.OpenStruct[odd](region, "odd")
	if err != nil {
		return "", true, err
	}
	if err := other.Set(odd{1.5, 9}); err != nil {
		return "", true, err
	}
	_, err = dhmem.OpenStruct[point](region, "params")
	return "changed", true, err
}
