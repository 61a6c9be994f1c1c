"""Waits, and what ends them: signals, other threads, closing."""

from __future__ import annotations

import signal
import subprocess
import threading
import unittest
from collections.abc import Callable

import dhmem
from fixture import RegionTest, python

# Waits for something that never comes, and says so first. Python does not interrupt where its parent ignores SIGINT, as
# a shell does for what it starts in the background.
WAITING = """
import signal, sys, dhmem
signal.signal(signal.SIGINT, signal.default_int_handler)
region = dhmem.Region(sys.argv[1])
try:
    print("waiting", flush=True)
    if sys.argv[2] == "receive":
        region.queue("never").consumer().receive()
    elif sys.argv[2] == "send":
        producer = region.queue("full", capacity=64).producer()
        while True: producer.send(bytes(16))
    elif sys.argv[2] == "reserve":
        producer = region.queue("full", capacity=64).producer()
        while True: producer.reserve(16).commit()
    elif sys.argv[2] == "lock":
        region.mutex("held").lock()
    else:
        for message in region.queue("never").consumer(): pass
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


class Waits(RegionTest):
    def test_control_c_ends_every_wait(self) -> None:
        for how in ("receive", "send", "reserve", "lock", "iterate"):
            with self.subTest(how), self.region.mutex("held").lock():
                child = python(WAITING, self.region.name, how)
                with child:
                    assert child.stdout is not None
                    self.assertEqual(child.stdout.readline(), "waiting\n")
                    # Until it waits, a signal ends it as well.
                    child.send_signal(signal.SIGINT)
                    self.assertEqual(child.stdout.readline(), "interrupted\n")
                    self.assertEqual(child.wait(60), 0)

    def test_removing_ends_waits_and_says_so(self) -> None:
        other = dhmem.Region(self.region.name)
        self.addCleanup(other.close)
        taken = other.mutex("x mutex").lock()
        other.map("x map", "string", "f8")._lock()
        mutex, numbers = self.region.mutex("x mutex"), self.region.map("x map")
        condition = self.region.condition("x condition")
        sending = self.region.queue("x full", capacity=64).producer()
        while sending.try_send(bytes(16)):
            pass
        pushing = self.region.queue("x full records", record="f8", capacity=8).producer()
        pushing.push_many([0] * 8)
        held = self.region.mutex("turn").lock()
        waits: dict[str, Callable[[], object]] = {
            "x messages": self.region.queue("x messages").consumer(timeout=60).receive,
            "x latest": self.region.queue("x latest", policy="latest").consumer(timeout=60).receive,
            "x records": self.region.queue("x records", record="f8").consumer(timeout=60).wait,
            "x full": lambda: sending.send(bytes(16), timeout=60),
            "x full records": lambda: pushing.wait(timeout=60),
            "x mutex": lambda: mutex.lock(timeout=60),
            "x map": lambda: numbers.update(key=1.5),
            "x condition": lambda: condition.wait(held, lambda: False, timeout=60),
        }
        for name, wait in waits.items():
            with self.subTest(name):
                failures: list[dhmem.DhmemError] = []
                begun = threading.Event()

                def run(wait: Callable[[], object] = wait, begun: threading.Event = begun) -> None:
                    begun.set()
                    try:
                        wait()
                    except dhmem.DhmemError as error:
                        failures.append(error)

                thread = threading.Thread(target=run)
                thread.start()
                begun.wait()
                self.region.remove(name)
                thread.join(60)
                self.assertEqual([error.code for error in failures], ["DHMEM_CLOSED"])
                self.assertIn(f"has removed {name} from", str(failures[0]))
        del taken

    def test_the_end_of_a_stream_ends_the_waits_of_all_threads(self) -> None:
        producer, consumer = self.ends()
        records = self.region.queue("records", record="f8")
        numbers, popped = records.producer(), records.consumer()
        got: list[object] = []

        def receive() -> None:
            for message in consumer:
                got.append(message.text())

        def pop() -> None:
            while popped.wait(timeout=60):
                value = popped.pop()
                if value is not None:
                    got.append(value)

        threads = [threading.Thread(target=target) for target in (receive, pop) for _ in range(3)]
        for thread in threads:
            thread.start()
        producer.send("one")
        producer.end()
        numbers.push(1.5)
        numbers.end()
        for thread in threads:
            thread.join(60)
        self.assertEqual([thread.is_alive() for thread in threads], [False] * 6)
        self.assertCountEqual(got, ["one", 1.5])

    def test_a_send_that_waits_fails_when_another_thread_ends_the_stream(self) -> None:
        # Whether it waits already is not known, so this is done again and again.
        for round in range(20):
            producer, consumer = self.ends(f"queue {round}", capacity=256)
            while producer.try_send(bytes(64)):
                pass
            codes: list[str] = []

            def send(producer: dhmem.Producer, codes: list[str]) -> None:
                with self.assertRaises(dhmem.DhmemError) as caught:
                    producer.send(bytes(64))
                codes.append(caught.exception.code)

            thread = threading.Thread(target=send, args=[producer, codes])
            thread.start()
            if round % 2 == 0:
                thread.join(0.01)
            producer.end()
            for _ in consumer:
                pass
            thread.join(60)
            self.assertEqual(codes, ["DHMEM_QUEUE_ENDED"])

    def test_a_wait_does_not_keep_other_threads_from_running(self) -> None:
        producer, consumer = self.ends()
        got: list[str] = []

        def receive() -> None:
            for message in consumer:
                got.append(message.text())

        thread = threading.Thread(target=receive)
        thread.start()
        for i in range(1000):
            producer.send(str(i))
        producer.end()
        thread.join(60)
        self.assertEqual(got, [str(i) for i in range(1000)])

    def test_several_threads_wait_in_one_region(self) -> None:
        queues = [self.ends(f"queue {i}") for i in range(4)]
        back, answers = self.ends("answers")

        def echo(consumer: dhmem.Consumer) -> None:
            for message in consumer:
                back.send(message.text())

        threads = [threading.Thread(target=echo, args=[consumer]) for _, consumer in queues]
        for thread in threads:
            thread.start()
        for round in range(100):
            for producer, _ in queues:
                producer.send(str(round))
            for _ in queues:
                with next(answers) as message:
                    self.assertEqual(message.text(), str(round))
        for producer, _ in queues:
            producer.end()
        for thread in threads:
            thread.join(60)
            self.assertFalse(thread.is_alive())

    def test_closing_ends_the_waits_of_other_threads(self) -> None:
        for what in ("the consumer", "the region", "the region while it waits for a lock"):
            with self.subTest(what):
                self.setUp()
                consumer = self.region.queue("steps").consumer()
                other = dhmem.Region(self.region.name)
                other.mutex("held").lock()
                mutex = self.region.mutex("held")
                wait = mutex.lock if what.endswith("lock") else consumer.receive
                errors: list[dhmem.DhmemError] = []
                started = threading.Event()

                def run() -> None:
                    started.set()
                    try:
                        wait()
                    except dhmem.DhmemError as error:
                        errors.append(error)

                thread = threading.Thread(target=run)
                thread.start()
                started.wait(60)
                (consumer if what == "the consumer" else self.region).close()
                thread.join(60)
                other.close()
                self.assertEqual([error.code for error in errors], ["DHMEM_CLOSED"])

    def test_a_signal_handler_may_use_the_region(self) -> None:
        producer, consumer = self.ends()
        before = signal.signal(signal.SIGALRM, lambda *_: producer.send("from the handler"))
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with next(consumer) as message:
            self.assertEqual(message.text(), "from the handler")


class Mutexes(RegionTest):
    def test_a_participant_holds_a_mutex_until_it_unlocks(self) -> None:
        mutex = self.region.mutex("turn")
        with dhmem.Region(self.region.name) as other:
            with mutex.lock() as held:
                self.assertFalse(held.abandoned)
                self.assertIsNone(other.mutex("turn").try_lock())
                with self.fails("DHMEM_BAD_ARGUMENT", "already holds"):
                    mutex.lock()
                with self.fails("DHMEM_TIMEOUT"):
                    other.mutex("turn").lock(timeout=0.01)
            again = other.mutex("turn").try_lock()
            assert again is not None
            again.unlock()
            with self.fails("DHMEM_BAD_ARGUMENT", "unlocked already"):
                again.unlock()

    def test_a_dead_holder_is_told(self) -> None:
        program = "import sys, dhmem, os; h = dhmem.Region(sys.argv[1]).mutex('turn').lock(); os.kill(os.getpid(), 9)"
        python(program, self.region.name).communicate()
        with self.region.mutex("turn").lock(timeout=60) as held:
            self.assertTrue(held.abandoned)

    def test_who_gives_up_its_turn_leaves_the_news_of_a_dead_holder(self) -> None:
        program = "import sys, dhmem, os; h = dhmem.Region(sys.argv[1]).mutex('turn').lock(); os.kill(os.getpid(), 9)"
        python(program, self.region.name).communicate()
        mutex = self.region.mutex("turn")
        self.region.recover()
        mutex._stop_asking()
        with mutex.lock(timeout=60) as held:
            self.assertTrue(held.abandoned)


if __name__ == "__main__":
    unittest.main()
