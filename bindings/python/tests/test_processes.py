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

    def test_views_read_zeros_in_a_forked_child(self) -> None:
        with dhmem.Region.temporary(size="6GiB") as large:
            producer = large.queue("steps").producer()
            consumer = large.queue("steps").consumer()
            producer.send("message")
            message = consumer.receive(timeout=60)
            assert message is not None
            numbers = large.array("numbers", "u1", 5)
            views = [
                memoryview(message),
                memoryview(numbers),
                memoryview(large.allocate(5)),
                memoryview(large.allocate(300 << 20)),
                memoryview(producer.reserve(5)),
            ]
            for view in views[1:]:
                view[:5] = b"abcde"
            child = os.fork()
            if child == 0:
                found = {bytes(view[:5]) for view in views}
                for view in views:
                    view[:5] = b"child"
                os._exit(0 if found == {bytes(5)} else 1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            self.assertEqual([bytes(view[:5]) for view in views], [b"messa"] + [b"abcde"] * 4)
            for view in views:
                view.release()

    def test_a_forked_child_with_views_ends_as_others(self) -> None:
        program = """
import gc, os, sys, dhmem
region = dhmem.Region(sys.argv[1])
queue = region.queue("views")
producer, consumer = queue.producer(), queue.consumer()
producer.send("kept")
message = consumer.receive(timeout=60)
view, number = memoryview(message), memoryview(region.array("number", "u1", 1))
child = os.fork()
if child == 0:
    # Its own child inherits the same.
    child = os.fork()
    number[0] += 1
    assert number[0] == 1
    if child == 0:
        del view, message
        gc.collect()
        region.close()
        number.release()
    else:
        assert os.waitpid(child, 0)[1] == 0
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert (number[0], bytes(view)) == (0, b"kept")
view.release()
message.release()
producer.send("more")
assert consumer.receive(timeout=60).text() == "more"
print("done")
"""
        parent = python(program, self.region.name)
        self.assertEqual(parent.communicate()[0], "done\n")
        self.assertEqual(parent.returncode, 0)

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
