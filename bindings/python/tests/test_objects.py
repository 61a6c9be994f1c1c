"""Structs, arrays, vectors, maps, conditions, tokens, and opening for reading only."""

from __future__ import annotations

import threading
import unittest
from collections.abc import Callable

import dhmem
import numpy as np
from fixture import RegionTest, python


class Objects(RegionTest):
    def test_a_struct_has_live_fields(self) -> None:
        params = self.region.struct("params", {"step": "u4", "a": "f8", "small": "i1", "odd name": np.float32})
        self.assertEqual((params.a, params.step), (0, 0))
        with dhmem.Region(self.region.name) as other:
            same = other.struct("params")
            params.a, params.step, params.small = 1.5, 7, -3
            self.assertEqual((same.a, same.step, same.small), (1.5, 7, -3))
            same.step += 1
            self.assertEqual(params.step, 8)
            with self.assertRaisesRegex(AttributeError, "no field 'b'; it has step, a, small, odd name"):
                same.b = 1
            with self.fails("DHMEM_TYPE_MISMATCH"):
                other.struct("params", {"a": "f8"})

    def test_an_array_is_numpy_over_the_region(self) -> None:
        grid = self.region.array("grid", "f8", (1000, 3))
        grid.data[:] = np.arange(3000.0).reshape(1000, 3)
        with dhmem.Region(self.region.name) as other:
            same = other.array("grid")
            self.assertEqual((same.dtype, same.shape, same.data.dtype), ("f8", (1000, 3), np.float64))
            same.data[2, 1] = -1
            self.assertEqual(grid.data[2, 1], -1)
            self.assertEqual(grid.data[999, 2], 2999)
        self.assertEqual(self.region.array("wide", np.int64, 5).dtype, "i8")
        with self.fails("DHMEM_NOT_FOUND"):
            self.region.array("none")
        with self.fails("DHMEM_BAD_ARGUMENT", "dtype is 'f9'"):
            self.region.array("wrong", "f9", 1)

    def test_a_vector_grows(self) -> None:
        vector = self.region.vector("numbers", "i4")
        vector.append(1)
        vector.extend(range(2, 1001))
        self.assertEqual((len(vector), vector[0], vector[-1], sum(vector)), (1000, 1, 1000, 500500))
        vector[1] = 20
        self.assertEqual(vector.array()[:3].tolist(), [1, 20, 3])
        self.assertEqual(vector.pop(), 1000)
        vector.resize(0)
        self.assertEqual(list(vector), [])
        for use in (vector.pop, lambda: vector[0]):
            with self.assertRaises(IndexError):
                use()

    def test_a_map_is_used_like_a_dict(self) -> None:
        numbers = self.region.map("numbers", "string", "f8")
        numbers["a"] = 1
        numbers["é"] = 2.5
        self.assertEqual(dict(numbers), {"a": 1, "é": 2.5})
        self.assertEqual((len(numbers), "a" in numbers, numbers.get("b"), numbers.pop("a")), (2, True, None, 1))
        self.assertEqual(numbers.change("count", lambda old: (old or 0) + 1), 1)
        self.assertEqual(numbers.change("count", lambda old: old + 1), 2)
        with self.assertRaises(KeyError):
            del numbers["a"]
        texts = self.region.map("texts", "u4", "string")
        texts[7] = "x" * 1000
        self.assertEqual(texts[7], "x" * 1000)
        points = self.region.map("points", "i8", {"x": "f8", "n": "u1"})
        points[-1] = {"x": 0.5, "n": 3}
        self.assertEqual(self.region.map("points")[-1], {"x": 0.5, "n": 3})

    def test_a_condition_waits_until_something_is_true(self) -> None:
        params = self.region.struct("params", {"step": "u4"})

        def step() -> None:
            with dhmem.Region(self.region.name) as other:
                for _ in range(5):
                    with other.mutex("turn").lock():
                        other.struct("params").step += 1
                        other.condition("changed").notify_all()

        thread = threading.Thread(target=step)
        with self.region.mutex("turn").lock() as held:
            thread.start()
            self.region.condition("changed").wait(held, lambda: params.step == 5, timeout=60)
            with self.fails("DHMEM_TIMEOUT"):
                self.region.condition("changed").wait(held, lambda: False, timeout=0.01)
            with self.assertRaises(ZeroDivisionError):
                self.region.condition("changed").wait(held, lambda: 1 / 0)
        thread.join(60)

    def test_a_wait_at_a_condition_lets_another_thread_of_the_region_have_the_mutex(self) -> None:
        params = self.region.struct("params", {"step": "u4"})
        waiting, results = threading.Event(), list[str]()

        def is_reached() -> object:
            waiting.set()
            return params.step == 5

        def wait() -> None:
            with self.region.mutex("turn").lock() as held:
                try:
                    self.region.condition("changed").wait(held, is_reached, timeout=60)
                    results.append("reached")
                except dhmem.DhmemError as error:
                    results.append(error.code)

        thread = threading.Thread(target=wait)
        thread.start()
        self.assertTrue(waiting.wait(60))
        mutex, ours = self.region.mutex("turn"), None
        while ours is None:
            try:
                ours = mutex.try_lock()
            except dhmem.DhmemError:
                # It still looks, for which it has the mutex.
                thread.join(0.001)
        with ours:
            params.step = 5
            self.region.condition("changed").notify_all()
            # It has long since been woken, and would have ended by now if it did not wait for this thread.
            thread.join(0.2)
            self.assertEqual((thread.is_alive(), results), (True, []))
        thread.join(60)
        self.assertEqual(results, ["reached"])

    def test_a_token_finds_a_block_in_another_process(self) -> None:
        block = self.region.allocate(800)
        block.array("f8")[:] = 1.5
        token = self.region.save(block)
        array = self.region.save(self.region.array("grid", "f8", 3))
        program = """
import sys, dhmem
region = dhmem.Region(sys.argv[1])
block = region.load(sys.argv[2])
print(sum(memoryview(block).cast("d")))
memoryview(block).cast("d")[0] = 2
print(region.load(sys.argv[3]).shape)
"""
        child = python(program, self.region.name, token, array)
        self.assertEqual(child.communicate()[0], "150.0\n(3,)\n")
        loaded = self.region.load(token)
        assert isinstance(loaded, dhmem.Block)
        self.assertEqual(loaded.array("f8")[0], 2)
        with self.fails("DHMEM_BAD_ARGUMENT", "belongs to the region"):
            loaded.free()
        self.region.free_saved(token)
        with self.fails("DHMEM_BAD_HANDLE"):
            self.region.load(token)
        # Its memory may be another block's by now.
        for use in (loaded.text, lambda: memoryview(loaded), lambda: loaded.array("u1")):
            with self.fails("DHMEM_BAD_HANDLE"):
                use()

    def test_a_token_finds_a_vector(self) -> None:
        vector = self.region.vector("numbers", "f4")
        vector.extend([1, 2])
        loaded = self.region.load(self.region.save(vector))
        assert isinstance(loaded, dhmem.Vector)
        loaded.append(3)
        self.assertEqual((list(vector), loaded.name, loaded.dtype), ([1, 2, 3], "numbers", "f4"))
        token = self.region.save(vector)
        self.region.remove("numbers")
        with self.fails("DHMEM_BAD_HANDLE"):
            self.region.load(token)

    def test_a_reader_reads_and_changes_nothing(self) -> None:
        self.region.struct("params", {"a": "f8"}).a = 1.5
        self.region.array("grid", "f8", 3).data[:] = 2
        self.region.map("names", "string", "f8")["x"] = 3
        with dhmem.Region(self.region.name, mode="read-only") as reader:
            params = reader.struct("params")
            self.assertEqual((params.a, reader.array("grid").data.sum(), reader.map("names")["x"]), (1.5, 6, 3))
            self.region.struct("params").a = 2.5
            self.assertEqual(params.a, 2.5)
            with self.assertRaises(TypeError):
                params.a = 1
            with self.assertRaises(ValueError):
                reader.array("grid").data[0] = 1
            for use in (lambda: reader.allocate(1), lambda: reader.queue("q").producer(), lambda: reader.mutex("m")):
                with self.fails("DHMEM_READ_ONLY"):
                    use()


class Removal(RegionTest):
    def test_a_queue_with_views_of_its_messages_stays(self) -> None:
        producer, consumer = self.ends()
        producer.send("hello", block=self.region.allocate(10))
        message = next(consumer)
        block = message.block
        assert block is not None
        room = producer.reserve(5)
        for viewed in (message, block, room):
            view = memoryview(viewed)
            with self.assertRaisesRegex(BufferError, "1 view of steps still exists"):
                self.region.remove("steps")
            view.release()
        self.assertTrue(self.region.remove("steps"))
        self.region.queue("steps").producer().send("other")
        for use in (message.text, block.text, room.commit, message.release, consumer.try_receive):
            with self.fails("DHMEM_CLOSED", "has removed steps"):
                use()
        received = self.region.queue("steps").consumer().try_receive()
        assert received is not None
        self.assertEqual(received.text(), "other")

    def test_a_block_of_a_message_is_gone_with_the_consumer(self) -> None:
        producer, consumer = self.ends()
        producer.send("hello", block=self.region.allocate(10))
        block = next(consumer).block
        assert block is not None
        consumer.close()
        with self.fails("DHMEM_CLOSED"):
            block.text()

    def test_a_name_does_not_end_at_a_zero(self) -> None:
        self.region.mutex("turn")
        for use in (self.region.mutex, self.region.vector, self.region.condition, self.region.map, self.region.struct):
            with self.fails("DHMEM_BAD_ARGUMENT", "zero character"):
                use("turn\0s")
        with self.fails("DHMEM_BAD_ARGUMENT", "zero character"):
            self.region.queue("turn\0s").producer()
        with self.fails("DHMEM_BAD_ARGUMENT", "zero character"):
            self.region.remove("turn\0s")


class Values(RegionTest):
    def test_a_value_of_another_type_is_refused_with_its_type(self) -> None:
        bytes_, best = self.region.vector("bytes", "u1"), self.region.map("best", "string", "f8")
        steps = self.region.map("steps", "u4", {"a": "f8", "n": "u4"})
        records = self.region.queue("records", record={"a": "f8", "n": "u4"}).producer()
        uses: list[tuple[Callable[[], object], str]] = [
            (lambda: bytes_.append(256), "The value is 256; it must be a number that u1 can hold"),
            (lambda: bytes_.extend([1, 2, -1]), "The value is -1;"),
            (lambda: best.update(x="text"), "The value is 'text'; it must be a number that f8 can hold"),
            (lambda: best.change("x", lambda _: None), "The value is None;"),
            (lambda: steps.update({-1: {"a": 1, "n": 1}}), "The value is -1; it must be a number that u4 can hold"),
            (lambda: steps.update({1: {"a": 1, "n": 1.5}}), "Field n is 1.5; it must be a number that u4 can hold"),
            (lambda: steps.update({1: {"a": 1}}), "it must be a dict of the fields a, n"),
            (lambda: records.push({"a": 1, "n": 1, "m": 1}), "it must be a dict of the fields a, n"),
        ]
        for use, text in uses:
            with self.fails("DHMEM_BAD_ARGUMENT", text):
                use()
        self.assertEqual((len(bytes_), len(best), len(steps)), (0, 0, 0))


class Threads(RegionTest):
    def test_a_change_of_a_map_is_one_step_for_other_threads_too(self) -> None:
        counts = self.region.map("counts", "string", "f8")

        def add(value: float | None) -> float:
            other.start()
            # It can't end before this does.
            other.join(0.2)
            self.assertTrue(other.is_alive())
            return (value or 0) + 1

        other = threading.Thread(target=lambda: counts.change("a", lambda value: 10 * value))
        self.assertEqual(counts.change("a", add), 1)
        other.join()
        self.assertEqual(counts["a"], 10)
        other = threading.Thread(target=lambda: counts.update(a=100))
        self.assertEqual(counts.change("a", add), 11)
        other.join()
        self.assertEqual(counts["a"], 100)

    def test_a_change_inside_a_change_is_refused(self) -> None:
        counts = self.region.map("counts", "string", "f8")
        with self.fails("DHMEM_BAD_ARGUMENT", "already holds"):
            counts.change("a", lambda _: counts.change("b", lambda _: 1))
        counts["a"] = 2
        self.assertEqual(dict(counts), {"a": 2})


if __name__ == "__main__":
    unittest.main()
