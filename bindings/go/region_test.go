package dhmem

import (
	"os"
	"testing"
)

func TestUnlinkingLeavesAnotherRegionThatHasTheNameByNow(t *testing.T) {
	folder := Directory(t.TempDir())
	old := must(Open("climate", folder, Size(4<<20)))
	defer old.Close()
	fresh := must(Open("climate", folder, Size(4<<20), InMode(ForceCreate)))
	want(t, old.Unlink(), ErrNotFound)
	check(t, old.Close())
	want(t, old.Unlink(), ErrNotFound)
	must(os.Stat(fresh.Path()))
	check(t, fresh.Close())
	check(t, fresh.Unlink())
	if _, err := os.Stat(fresh.Path()); !os.IsNotExist(err) {
		t.Errorf("the file is there: %v", err)
	}
	want(t, fresh.Unlink(), ErrNotFound)
}

func TestARelativeFolderIsThatOfTheMomentOfOpening(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	region := must(Open("climate", Directory("."), Size(4<<20), LastClose()))
	t.Chdir("/")
	if region.Path() != folder+"/climate.dhmem" {
		t.Errorf("the path is %s", region.Path())
	}
	check(t, region.Close())
	if left := must(os.ReadDir(folder)); len(left) != 0 {
		t.Errorf("%s is left", left[0].Name())
	}
}

func TestRemovingAQueueEndsItsMessagesAndReservations(t *testing.T) {
	region := temporary(t)
	producer, consumer := must(region.Queue("steps").Producer()), must(region.Queue("steps").Consumer())
	check(t, producer.SendBlock(background, []byte("hello"), must(region.Allocate(100))))
	message, reservation := must(consumer.Receive(background)), must(producer.Reserve(background, 5))
	block := message.Block()
	must(region.Remove("steps"))
	again := must(region.Queue("steps").Producer())
	check(t, again.Send(background, []byte("other")))
	for _, use := range []func(){
		func() { message.Text() },
		func() { block.Bytes() },
		func() { reservation.Bytes() },
	} {
		func() {
			defer func() {
				err, _ := recover().(error)
				want(t, err, ErrClosed)
			}()
			use()
		}()
	}
	received := must(must(region.Queue("steps").Consumer()).Receive(background))
	if received.Text() != "other" {
		t.Error(received.Text())
	}
}

func TestANameDoesNotEndAtAZero(t *testing.T) {
	region := temporary(t)
	must(region.Mutex("turn"))
	_, err := region.Mutex("turn\x00s")
	want(t, err, ErrBadArgument)
	_, err = region.Remove("turn\x00s")
	want(t, err, ErrBadArgument)
	_, err = Open("climate", Directory(t.TempDir()+"\x00/elsewhere"))
	want(t, err, ErrNotFound)
}
