package dhmem

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func threads(t *testing.T) (count int) {
	t.Helper()
	_, rest, _ := strings.Cut(string(must(os.ReadFile("/proc/self/status"))), "Threads:")
	fmt.Sscan(rest, &count)
	return count
}

func TestGoroutinesThatWaitHoldNoThread(t *testing.T) {
	const waiting = 300
	region := temporary(t)
	var started, done sync.WaitGroup
	producers := make([]*Producer, waiting)
	for i := range waiting {
		producer, consumer := ends(region, fmt.Sprintf("queue-%d", i), Capacity(64))
		producers[i] = producer
		started.Add(1)
		done.Go(func() {
			started.Done()
			message, err := consumer.Receive(background)
			if err != nil || message.Text() != "x" {
				t.Error(err)
			}
		})
	}
	started.Wait()
	if count := threads(t); count > 60 {
		t.Errorf("%d threads for %d goroutines", count, waiting)
	}
	for _, producer := range producers {
		check(t, producer.Send(background, []byte("x")))
	}
	done.Wait()
}

func TestGoroutinesShareARegion(t *testing.T) {
	const workers, each = 8, 200
	region := temporary(t)
	counts := must(OpenMap[string, float64](region, "counts"))
	numbers := must(OpenVector[int32](region, "numbers"))
	producer, consumer := ends(region, "steps", Capacity(256))
	var done sync.WaitGroup
	for worker := range workers {
		done.Go(func() {
			for i := range each {
				err := counts.Update(background, "both", func(old float64, _ bool) float64 { return old + 1 })
				if err == nil {
					err = counts.Set(fmt.Sprint(worker), float64(i))
				}
				if err == nil {
					err = numbers.Append(int32(i))
				}
				if err == nil {
					err = producer.Send(background, []byte("x"))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	received := 0
	var receiving sync.WaitGroup
	var lock sync.Mutex
	for range 2 {
		receiving.Go(func() {
			for {
				message, err := consumer.Receive(background)
				if err == io.EOF {
					return
				}
				if err == nil {
					err = message.Release()
				}
				if err != nil {
					t.Error(err)
					return
				}
				lock.Lock()
				received++
				lock.Unlock()
			}
		})
	}
	done.Wait()
	check(t, producer.End())
	receiving.Wait()
	both, found, err := counts.Get("both")
	if err != nil || !found || both != workers*each || received != workers*each || must(numbers.Len()) != workers*each {
		t.Error(both, received, err)
	}
	if must(counts.Len()) != workers+1 {
		t.Error(must(counts.Len()))
	}
}

func TestAMutexGoesBetweenRegions(t *testing.T) {
	one := temporary(t)
	other := must(OpenPath(one.Path()))
	defer other.Close()
	count := must(OpenStruct[struct{ N float64 }](one, "count"))
	var done sync.WaitGroup
	for _, region := range []*Region{one, other} {
		done.Go(func() {
			mutex := must(region.Mutex("turn"))
			for range 300 {
				held := must(mutex.Lock(background))
				count.Live().N++
				check(t, held.Unlock())
			}
		})
	}
	done.Wait()
	if count.Live().N != 600 {
		t.Error(count.Live().N)
	}
	held := must(must(one.Mutex("turn")).Lock(background))
	_, err := must(other.Mutex("turn")).Lock(expired())
	want(t, err, ErrTimeout)
	if none := must(must(other.Mutex("turn")).TryLock()); none != nil {
		t.Error("two hold it")
	}
	_, err = must(one.Mutex("turn")).Lock(background)
	want(t, err, ErrBadArgument)
	check(t, held.Unlock())
	want(t, held.Unlock(), ErrBadArgument)
}

func TestAMutexIsUnlockedOnlyByWhoHoldsIt(t *testing.T) {
	region := temporary(t)
	other := must(OpenPath(region.Path()))
	defer other.Close()
	mutex, condition := must(region.Mutex("turn")), must(region.Condition("changed"))
	old := must(mutex.Lock(background))
	check(t, old.Unlock())
	held := must(mutex.Lock(background))
	want(t, old.Unlock(), ErrBadArgument)
	want(t, condition.Wait(background, old, func() bool { return false }), ErrBadArgument)
	if must(must(other.Mutex("turn")).TryLock()) != nil {
		t.Error("it was given away")
	}

	// Another goroutine has it while a wait has unlocked it.
	waited := make(chan error)
	proceed := false
	go func() { waited <- condition.Wait(background, held, func() bool { return proceed }) }()
	var second *Held
	until(func() bool {
		second, _ = mutex.TryLock()
		return second != nil
	})
	want(t, held.Unlock(), ErrBadArgument)
	proceed = true
	check(t, condition.NotifyAll())
	check(t, second.Unlock())
	check(t, <-waited)
	check(t, held.Unlock())
}

func TestARegionThatIsForgottenIsReported(t *testing.T) {
	reader, writer, err := os.Pipe()
	check(t, err)
	stderr := os.Stderr
	os.Stderr = writer
	defer func() { os.Stderr = stderr }()
	name := func() string { return must(Temporary()).Name() }()
	for range 50 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	check(t, writer.Close())
	text := string(must(io.ReadAll(reader)))
	if !strings.Contains(text, name) || !strings.Contains(text, "was not closed") {
		t.Error(text)
	}
}

// A call that sleeps in C keeps what it is about, although nothing else refers to that.
func TestASleepingCallKeepsItsMap(t *testing.T) {
	one := temporary(t)
	other := must(OpenPath(one.Path()))
	defer other.Close()
	changing := must(OpenMap[string, float64](other, "counts"))
	set := make(chan error)
	check(t, changing.Update(background, "a", func(float64, bool) float64 {
		go func() { set <- must(OpenMap[string, float64](one, "counts")).Set("a", 2) }()
		for range 200 {
			runtime.GC()
		}
		return 1
	}))
	check(t, <-set)
	if value, _, err := changing.Get("a"); err != nil || value != 2 {
		t.Error(value, err)
	}
}

func TestAnUpdateInsideAnUpdateEndsWithItsContext(t *testing.T) {
	counts := must(OpenMap[string, float64](temporary(t), "counts"))
	add := func(old float64, _ bool) float64 { return old + 1 }
	check(t, counts.Update(background, "a", func(old float64, found bool) float64 {
		want(t, counts.Update(expired(), "b", add), ErrTimeout)
		return add(old, found)
	}))
	check(t, counts.Update(expired(), "a", add))
}
