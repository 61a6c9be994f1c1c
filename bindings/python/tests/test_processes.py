"""Other processes: fork, multiprocessing, and deaths."""

from __future__ import annotations

import multiprocessing
import os
import unittest

import dhmem
from fixture import RegionTest, python


def work(name: str) -> float:
    """Runs in a process of a pool."""
    with dhmem.Region(name) as region:
        region.queue("results").producer().send(str(os.getpid()))
        return region.size


def use_inherited(region: dhmem.Region, producer: dhmem.Producer) -> list[str]:
    found = []
    for use in (lambda: producer.send(""), lambda: region.allocate(1), lambda: region.mutex("x").lock(), region.recover):
        try:
            use()
            found.append("no error")
        except dhmem.DhmemError as error:
            found.append(f"{error.code} {'open it again in this process' in str(error)}")
    return found


class Forks(RegionTest):
    def test_a_forked_child_is_told_to_open_the_region_again(self) -> None:
        producer, consumer = self.ends()
        block = self.region.allocate(100)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            found = use_inherited(self.region, producer)
            with dhmem.Region(self.region.name) as again:
                again.queue("other").producer().send("from the child")
            # What was inherited does no harm when it is let go.
            consumer.close()
            producer.close()
            del block, consumer, producer
            self.region.close()
            os.write(writing, "\n".join(found).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as answers:
            self.assertEqual(set(answers.read().split("\n")), {"DHMEM_CLOSED True"})
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        message = self.region.queue("other").consumer().receive(timeout=60)
        assert message is not None
        self.assertEqual(message.text(), "from the child")
        # The parent's own are as they were.
        producer.send("still here")
        self.assertEqual(next(consumer).text(), "still here")
        block.free()

    def test_a_dead_parent_does_not_look_alive_through_its_child(self) -> None:
        program = """
import sys, os, dhmem
region = dhmem.Region(sys.argv[1])
held = region.mutex("turn").lock()
if os.fork() == 0:
    os.close(1)
    sys.stdin.read()
    os._exit(0)
os.kill(os.getpid(), 9)
"""
        parent = python(program, self.region.name)
        assert parent.stdout is not None and parent.stdin is not None
        parent.stdout.read()
        with self.region.mutex("turn").lock(timeout=60) as held:
            self.assertTrue(held.abandoned)
        parent.stdin.close()
        parent.wait()
        parent.stdout.close()

    def test_multiprocessing_opens_the_region_by_its_name(self) -> None:
        for method in ("fork", "spawn", "forkserver"):
            with self.subTest(method), multiprocessing.get_context(method).Pool(1) as pool:
                self.assertEqual(pool.apply(work, [self.region.name]), self.region.size)
                with self.region.queue("results").consumer() as consumer:
                    message = consumer.receive(timeout=60)
                    assert message is not None
                    self.assertNotEqual(message.text(), str(os.getpid()))
                    message.release()

    def test_the_consumer_of_a_killed_producer_gets_what_it_sent(self) -> None:
        program = """
import sys, os, dhmem
region = dhmem.Region(sys.argv[1])
producer = region.queue("steps").producer()
for i in range(10): producer.send(str(i), block=region.allocate(1000))
os.kill(os.getpid(), 9)
"""
        consumer = self.region.queue("steps").consumer(timeout=60)
        child = python(program, self.region.name)
        got = []
        with self.fails("DHMEM_PEER_GONE"):
            for message in consumer:
                got.append(message.text())
        child.communicate()
        self.assertEqual(got, [str(i) for i in range(10)])


if __name__ == "__main__":
    unittest.main()
