"""What happens between the parts of a call: code of the user's that reads its arguments, and other threads while it waits."""

from __future__ import annotations

import threading
import time
import unittest
from collections.abc import Callable
from typing import Any

import dhmem
from fixture import RegionTest


class Number:
    """A number that does something when it is read."""

    def __init__(self, act: Callable[[], object], value: int) -> None:
        self.act = act
        self.value = value

    def __float__(self) -> float:
        self.act()
        return float(self.value)

    def __index__(self) -> int:
        self.act()
        return self.value


class Between(RegionTest):
    def full(self) -> tuple[dhmem.Producer, dhmem.Consumer]:
        """Both ends of a queue without room."""
        producer, consumer = self.ends(capacity=256)
        while producer.try_send(bytes(16)):
            pass
        return producer, consumer

    def test_a_lock_is_given_up_only_by_who_holds_it(self) -> None:
        mutex, changed = self.region.mutex("turn"), self.region.condition("changed")
        another = dhmem.Region(self.region.name)
        self.addCleanup(another.close)
        old = mutex.lock()
        old.unlock()
        held = mutex.lock()
        for use in (old.unlock, lambda: changed.wait(old, lambda: True), lambda: changed.wait(old, lambda: False)):
            with self.fails("DHMEM_BAD_ARGUMENT"):
                use()
        with self.fails("DHMEM_BAD_ARGUMENT", "A wait for a condition has mutex turn"):
            changed.wait(held, held.unlock)
        with self.fails("DHMEM_BAD_ARGUMENT"):
            changed.wait(held, lambda: changed.wait(held, lambda: True))
        self.assertIsNone(another.mutex("turn").try_lock())

        # Another thread has it while a wait has unlocked it.
        go_on: list[int] = []
        thread = threading.Thread(target=changed.wait, args=(held, lambda: go_on))
        thread.start()
        second = None
        while second is None:
            try:
                second = mutex.try_lock()
            except dhmem.DhmemError:
                time.sleep(0)
        with self.fails("DHMEM_BAD_ARGUMENT"):
            held.unlock()
        self.assertIsNone(another.mutex("turn").try_lock())
        go_on.append(1)
        changed.notify_all()
        second.unlock()
        thread.join()
        held.unlock()
        with another.mutex("turn").lock(timeout=60):
            pass

    def test_an_end_that_its_own_arguments_close_is_closed(self) -> None:
        calls: dict[str, Callable[[dhmem.Producer, dhmem.Consumer, Any], object]] = {
            "receive": lambda producer, consumer, number: consumer.receive(timeout=number),
            "receive_many": lambda producer, consumer, number: consumer.receive_many(number),
            "send": lambda producer, consumer, number: producer.send("", timeout=number),
            "reserve": lambda producer, consumer, number: producer.reserve(number),
            "reserve until": lambda producer, consumer, number: producer.reserve(1, timeout=number),
        }
        for name, call in calls.items():
            with self.subTest(name):
                producer, consumer = self.ends()
                end = consumer if name.startswith("receive") else producer
                with self.fails("DHMEM_CLOSED", "steps is closed here"):
                    call(producer, consumer, Number(end.close, 1))
                producer.close()
                consumer.close()

    def test_an_end_of_a_queue_of_records_that_its_own_arguments_close_is_closed(self) -> None:
        queue = self.region.queue("numbers", record="f8")
        for end in (queue.producer(), queue.consumer()):
            timeout: Any = Number(end.close, 1)
            with self.fails("DHMEM_CLOSED", "numbers is closed here"):
                end.wait(timeout=timeout)

    def test_a_block_that_another_thread_frees_or_sends_is_not_sent(self) -> None:
        for give in ("free", "save", "send"):
            with self.subTest(give):
                producer, consumer = self.full()
                other = self.region.queue("other").producer()
                block = self.region.allocate(1000)
                codes: list[str] = []

                def send(producer: dhmem.Producer, block: dhmem.Block, codes: list[str]) -> None:
                    with self.assertRaises(dhmem.DhmemError) as caught:
                        producer.send("with a block", block=block)
                    codes.append(caught.exception.code)

                thread = threading.Thread(target=send, args=[producer, block, codes])
                thread.start()
                thread.join(0.01)
                if give == "free":
                    block.free()
                elif give == "save":
                    self.region.save(block)
                else:
                    other.send("", block=block)
                # It has the place of the other in the region.
                own = self.region.allocate(1000)
                memoryview(own)[:3] = b"own"
                for message in consumer.receive_many(100):
                    message.release()
                thread.join(60)
                self.assertEqual(codes, ["DHMEM_CLOSED"])
                self.assertIsNone(consumer.try_receive())
                self.assertEqual(bytes(memoryview(own)[:3]), b"own")
                own.free()
                for end in (producer, consumer, other):
                    end.close()

    def test_a_block_that_another_thread_sends_is_not_viewed(self) -> None:
        producer, consumer = self.full()
        block = self.region.allocate(1000)

        def send() -> None:
            while True:
                try:
                    producer.send("with a block", block=block)
                    return
                except BufferError:
                    # This thread was faster.
                    pass

        thread = threading.Thread(target=send)
        thread.start()
        while True:
            try:
                memoryview(block).release()
            except dhmem.DhmemError as error:
                self.assertIn("Another thread sends this block now", str(error))
                break
        for message in consumer.receive_many(100):
            message.release()
        thread.join(60)
        sent = consumer.receive()
        assert sent is not None and sent.block is not None
        self.assertEqual(len(sent.block), 1000)

    def test_a_message_waits_until_a_reservation_of_another_thread_is_over(self) -> None:
        for end in ("commit", "abort"):
            with self.subTest(end):
                producer, consumer = self.full()

                def send(producer: dhmem.Producer) -> None:
                    while True:
                        try:
                            producer.send(bytes(100))
                            return
                        except dhmem.DhmemError as error:
                            # The other thread was faster.
                            if error.code != "DHMEM_BAD_ARGUMENT":
                                raise

                thread = threading.Thread(target=send, args=[producer])
                thread.start()
                thread.join(0.01)
                messages = consumer.receive_many(100)
                messages[0].release()
                room = producer.reserve(8)
                for message in messages[1:]:
                    message.release()
                # Now there is room for both.
                thread.join(0.1)
                memoryview(room)[:] = b"reserved"
                if end == "commit":
                    room.commit()
                    first = consumer.receive()
                    assert first is not None
                    self.assertEqual(first.text(), "reserved")
                    first.release()
                else:
                    room.abort()
                second = consumer.receive()
                assert second is not None
                self.assertEqual(bytes(second), bytes(100))
                thread.join(60)
                del room, messages, message, second
                producer.close()
                consumer.close()


if __name__ == "__main__":
    unittest.main()
