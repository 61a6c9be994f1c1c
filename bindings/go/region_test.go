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
