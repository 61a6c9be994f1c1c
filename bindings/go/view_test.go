//go:build race || dhmemdebug

package dhmem

import (
	"runtime/debug"
	"testing"
)

// faults says whether reading crashes.
func faults(bytes []byte) (fault bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { fault = recover() != nil }()
	return bytes[0] == bytes[len(bytes)-1]
}

func TestASliceThatIsUsedTooLateCrashes(t *testing.T) {
	region := temporary(t)
	producer, consumer := ends(region, "steps", Capacity(4096))
	block := must(region.Allocate(10_000))
	written := block.Bytes()
	written[9_999] = 7
	if faults(written) {
		t.Fatal("a valid slice crashes")
	}
	check(t, producer.SendBlock(background, []byte("x"), block))
	message := must(consumer.Receive(background))
	read, carried := message.Bytes(), message.Block().Bytes()
	if string(read) != "x" || carried[9_999] != 7 {
		t.Fatal("the slices are other memory")
	}
	check(t, message.Release())
	for i, late := range [][]byte{written, read, carried} {
		if !faults(late) {
			t.Errorf("slice %d can be used too late", i)
		}
	}
	for range 1000 {
		check(t, producer.Send(background, []byte("x")))
		message := must(consumer.Receive(background))
		if message.Bytes()[0] != 'x' {
			t.Fatal("not x")
		}
		check(t, message.Release())
	}
}
