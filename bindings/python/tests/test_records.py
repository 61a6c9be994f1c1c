"""Queues of records."""

from __future__ import annotations

import array
import asyncio
import threading
import unittest

import numpy as np

import dhmem
from fixture import RegionTest, python


class Records(RegionTest):
    def numbers(self, capacity: int | None = None) -> tuple[dhmem.RecordProducer, dhmem.RecordConsumer]:
        queue = self.region.queue("numbers", record="f8", capacity=capacity)
        return queue.producer(timeout=60), queue.consumer(timeout=60)

    def test_numbers_go_through_one_by_one_and_many_at_once(self) -> None:
        producer, consumer = self.numbers(capacity=128)
        self.assertTrue(producer.push(0.5))
        self.assertEqual(producer.push_many([1, 2]), 2)
        self.assertEqual(producer.push_many(np.arange(200.0)), 125)
        self.assertFalse(producer.push(1))
        self.assertEqual([consumer.pop() for _ in range(3)], [0.5, 1, 2])
        into = np.full(200, -1.0)
        self.assertEqual(consumer.pop_into(into), 125)
        self.assertEqual((into[124], into[125]), (124, -1))
        self.assertIsNone(consumer.pop())
        producer.push_many(array.array("d", [7, 8]))
        self.assertEqual(consumer.pop_into(memoryview(into)[:2]), 2)
        self.assertEqual(list(into[:3]), [7, 8, 2])

    def test_structs_are_dicts_or_elements_of_an_array(self) -> None:
        queue = self.region.queue("points", record={"id": "u4", "x": "f8"})
        producer, consumer = queue.producer(), queue.consumer()
        points = np.zeros(3, queue.dtype)
        points["id"] = [1, 2, 3]
        points["x"] = 0.25
        self.assertTrue(producer.push({"id": 9, "x": 1.5}))
        self.assertEqual(producer.push_many(points), 3)
        self.assertEqual(consumer.pop(), {"id": 9, "x": 1.5})
        into = np.zeros(5, queue.dtype)
        self.assertEqual(consumer.pop_into(into), 3)
        self.assertEqual(into[:3].tolist(), points.tolist())

    def test_a_stream_ends(self) -> None:
        producer, consumer = self.numbers()
        producer.push(1)
        producer.end()
        self.assertTrue(consumer.wait())
        self.assertEqual(consumer.pop(), 1)
        self.assertFalse(consumer.wait())
        self.assertTrue(consumer.ended)
        self.assertIsNone(consumer.pop())
        with self.fails("DHMEM_QUEUE_ENDED"):
            producer.push(1)

    def test_memory_of_another_type_is_refused(self) -> None:
        producer, consumer = self.numbers()
        for wrong in (np.zeros(3, "f4"), array.array("f", [1]), array.array("q", [1]), b"12345678"):
            with self.fails("DHMEM_BAD_ARGUMENT"):
                producer.push_many(wrong)
            with self.fails("DHMEM_BAD_ARGUMENT"):
                consumer.pop_into(wrong)
        with self.assertRaises(BufferError):
            consumer.pop_into(memoryview(np.zeros(3)).toreadonly())
        for record in ("int", {"x": "text"}, {}):
            with self.fails("DHMEM_BAD_ARGUMENT"):
                self.region.queue("other", record=record)
        with self.fails("DHMEM_BAD_ARGUMENT"):
            self.region.queue("other", record="f8", policy="latest")  # type: ignore[call-overload]
        with self.fails("DHMEM_TYPE_MISMATCH"):
            self.region.queue("numbers", record="f4").producer()
        with self.fails("DHMEM_ENDPOINT_TAKEN"):
            self.region.queue("numbers", record="f8").producer()

    def test_waits_end_by_time_by_closing_and_by_death(self) -> None:
        producer, consumer = self.numbers(capacity=64)
        with self.fails("DHMEM_TIMEOUT"):
            consumer.wait(timeout=0.001)
        thread = threading.Timer(0.05, consumer.close)
        thread.start()
        with self.fails("DHMEM_CLOSED"):
            consumer.wait()
        thread.join()
        program = """
import sys, dhmem
consumer = dhmem.Region(sys.argv[1]).queue("numbers", record="f8").consumer()
print("ready", flush=True)
sys.stdin.read()
"""
        child = python(program, self.region.name)
        assert child.stdout is not None
        self.assertEqual(child.stdout.readline(), "ready\n")
        producer.push_many([0] * 64)
        child.kill()
        child.communicate()
        with self.fails("DHMEM_PEER_GONE"):
            producer.wait()

    def test_waits_let_the_event_loop_run(self) -> None:
        producer, consumer = self.numbers(capacity=64)

        async def produce() -> None:
            for i in range(1000):
                while not producer.push(i):
                    await producer.wait_async()
            producer.end()

        async def consume() -> float:
            total = 0.0
            into = np.zeros(30)
            while await consumer.wait_async():
                total += into[: consumer.pop_into(into)].sum()
            return total

        async def main() -> float:
            _, total = await asyncio.gather(produce(), consume())
            return total

        self.assertEqual(asyncio.run(main()), 499500)


if __name__ == "__main__":
    unittest.main()
