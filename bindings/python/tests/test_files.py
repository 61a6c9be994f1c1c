"""The files of regions, and what is left of objects that were removed."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path

import dhmem
from fixture import RegionTest


class Files(unittest.TestCase):
    def setUp(self) -> None:
        where = os.getcwd()
        self.addCleanup(os.chdir, where)
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("DHMEM_DIR", "/dev/shm"))
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_a_relative_folder_is_that_of_the_moment_of_opening(self) -> None:
        first, second = self.folder / "first", self.folder / "second"
        for folder in (first, second):
            folder.mkdir()
        os.chdir(second)
        other = dhmem.Region("climate", directory=".", size="4MiB")
        os.chdir(first)
        with dhmem.Region("climate", directory=".", size="4MiB", lifetime="last-close") as region:
            os.chdir(second)
            self.assertEqual(region.path, str(first / "climate.dhmem"))
        self.assertEqual(os.listdir(first), [])
        self.assertEqual(os.listdir(second), ["climate.dhmem"])
        os.chdir(first)
        other.unlink()
        self.assertEqual(os.listdir(second), [])
        other.close()

    def test_a_folder_may_have_any_name(self) -> None:
        folder = Path(os.fsdecode(os.fsencode(self.folder) + b"/caf\xe9"))
        folder.mkdir()
        with dhmem.Region("climate", directory=folder, size="4MiB") as region:
            self.assertEqual(Path(region.path), folder / "climate.dhmem")
        dhmem.unlink("climate", directory=folder)
        self.assertEqual(os.listdir(folder), [])
        with self.assertRaisesRegex(dhmem.DhmemError, "zero character") as caught:
            dhmem.Region("climate", directory=f"{folder}\0b", size="4MiB")
        self.assertEqual(caught.exception.code, "DHMEM_BAD_ARGUMENT")

    def test_unlinking_leaves_another_region_that_has_the_name_by_now(self) -> None:
        old = dhmem.Region("climate", directory=self.folder, size="4MiB")
        new = dhmem.Region("climate", directory=self.folder, size="4MiB", mode="force-create")
        for use in (old.unlink, old.close, old.unlink):
            if use == old.close:
                use()
                continue
            with self.assertRaisesRegex(dhmem.DhmemError, "is another region now") as caught:
                use()
            self.assertEqual(caught.exception.code, "DHMEM_NOT_FOUND")
        self.assertEqual(os.listdir(self.folder), ["climate.dhmem"])
        new.close()
        new.unlink()
        self.assertEqual(os.listdir(self.folder), [])


class Removed(RegionTest):
    def new_blocks(self) -> list[dhmem.Block]:
        """Blocks of zeros, one of which has the memory that was freed last."""
        blocks = [self.region.allocate(8) for _ in range(300)]
        for block in blocks:
            memoryview(block)[:] = bytes(8)
        return blocks

    def test_a_struct_that_was_removed_does_not_reach_what_lies_there_now(self) -> None:
        params = self.region.struct("params", {"a": "f8"})
        params.a = 1
        self.region.remove("params")
        blocks = self.new_blocks()
        for use in (lambda: params.a, lambda: setattr(params, "a", 7)):
            with self.fails("DHMEM_CLOSED", "has removed params"):
                use()
        self.assertFalse(any(any(bytes(block)) for block in blocks))

    def test_what_has_views_is_not_removed(self) -> None:
        grid = self.region.array("grid", "f8", 1)
        loaded = self.region.load(self.region.save(grid))
        assert isinstance(loaded, dhmem.Array)
        for array in (grid, loaded):
            view = memoryview(array)
            with self.assertRaisesRegex(BufferError, "view of grid"):
                self.region.remove("grid")
            view.release()
        with memoryview(self.region.array("other", "f8", 1)):
            self.assertTrue(self.region.remove("grid"))
        with self.fails("DHMEM_CLOSED"):
            memoryview(loaded)


class Options(RegionTest):
    def test_wrong_options_are_refused(self) -> None:
        for options, text in (
            ({"trust": "nobody"}, 'trust is "nobody"; it must be "owner", "any", or user and group numbers'),
            ({"trust": "1001,"}, 'trust is "1001,"'),
            ({"permissions": 0o4600}, "permissions is 04600; it must be from 0 to 0777"),
        ):
            with self.fails("DHMEM_BAD_ARGUMENT", text):
                dhmem.Region("climate", **options)
        dhmem.Region(self.region.name, trust="1001,12000").close()

    def test_a_folder_that_is_missing_is_named(self) -> None:
        with self.fails("DHMEM_NOT_FOUND", "There is no folder /nowhere/at/all; "):
            dhmem.Region("climate", directory="/nowhere/at/all")
        with self.fails("DHMEM_NOT_FOUND", "There is no region at /nowhere/at/all/climate.dhmem"):
            dhmem.Region("climate", directory="/nowhere/at/all", mode="open")


if __name__ == "__main__":
    unittest.main()
