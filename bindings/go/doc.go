// Package dhmem is shared memory between processes and containers: regions, queues, blocks, numbers and mutexes, together
// with programs in TypeScript, Python, C and other languages.
//
//	region, err := dhmem.Open("climate")
//	if err != nil {
//		return err
//	}
//	defer region.Close()
//	steps, err := region.Queue("steps").Consumer()
//	if err != nil {
//		return err
//	}
//	for step := range steps.All(ctx) {
//		fmt.Println(step.Text())
//	}
//	return steps.Err()
//
// Everything that waits takes a context, and a goroutine that waits holds no thread; Condition.Wait is the exception. An
// expired context tries once.
//
// Messages and blocks are read and written in place, by Bytes and View. Their slices are memory of the region: they must not
// be used after the message was released, or the block was sent or freed. Copy, Text and CopyTo make copies. Tests that run
// with the race detector, or with the tag dhmemdebug, crash where a slice is used too late.
//
// It needs Linux on x86-64 or arm64, and a C compiler where it is built.
package dhmem
