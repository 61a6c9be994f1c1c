"""Queues, blocks and reservations within one process."""

from __future__ import annotations

import gc
import pickle
import threading
import time
import unittest

import dhmem
from fixture import RegionTest


class Queues(RegionTest):
    def test_what_is_sent_is_received_to_the_end(self) -> None:
        producer, consumer = self.ends()
        for data in ("text ✓", b"bytes", bytearray(b"more"), memoryview(b"a view")):
            producer.send(data)
        producer.send("")
        producer.end()
        received = [bytes(message) for message in consumer]
        self.assertEqual(received, ["text ✓".encode(), b"bytes", b"more", b"a view", b""])
        self.assertTrue(consumer.ended)
        self.assertIsNone(consumer.receive())

    def test_iterating_releases_each_message(self) -> None:
        producer, consumer = self.ends(capacity=1024)
        for i in range(1000):
            producer.send(bytes(100))
            self.assertEqual(len(next(consumer)), 100)

    def test_a_message_whose_view_lives_on_is_released_with_its_last_view(self) -> None:
        producer, consumer = self.ends(capacity=1024)
        for i in range(1000):
            producer.send(bytes([i % 256]) * 100)
            view = memoryview(next(consumer))
            self.assertEqual(view[99], i % 256)
        del view
        next_message = consumer.try_receive()
        self.assertIsNone(next_message)

    def test_a_loop_that_is_left_does_not_release_its_message(self) -> None:
        producer, consumer = self.ends()
        producer.send("again")
        for message in consumer:
            break
        del message
        consumer.close()
        again = self.region.queue("steps").consumer().receive(timeout=60)
        assert again is not None
        self.assertEqual(again.text(), "again")

    def test_a_message_of_a_finished_loop_whose_view_lives_on_is_not_delivered_again(self) -> None:
        producer, consumer = self.ends()
        producer.send("once")
        producer.end()
        with consumer:
            for message in consumer:
                view = memoryview(message)
        self.assertEqual(bytes(view), b"once")
        with self.fails("DHMEM_CLOSED"):
            message.text()
        view.release()
        self.assertIsNone(self.region.queue("steps").consumer().try_receive())

    def test_trying_never_waits(self) -> None:
        producer, consumer = self.ends(capacity=64)
        self.assertIsNone(consumer.try_receive())
        self.assertTrue(producer.try_send(bytes(16)))
        while producer.try_send(bytes(16)):
            pass
        with self.fails("DHMEM_TIMEOUT", "room in queue steps"):
            producer.send(bytes(16), timeout=0.01)

    def test_an_end_with_a_view_is_not_closed(self) -> None:
        producer, consumer = self.ends()
        producer.send("kept")
        message = consumer.receive()
        assert message is not None
        room = producer.reserve(4)
        with memoryview(message) as view, memoryview(room) as writing:
            with self.assertRaisesRegex(BufferError, "1 view of messages of steps still exists"):
                consumer.close()
            with self.assertRaisesRegex(BufferError, "1 view of a reservation in steps still exists"):
                producer.close()
            writing[:] = b"more"
            self.assertEqual(bytes(view), b"kept")
        room.commit()
        consumer.close()
        for use in (message.release, message.text, lambda: message.block, lambda: memoryview(message)):
            with self.fails("DHMEM_CLOSED"):
                use()
        again = self.region.queue("steps").consumer(timeout=60)
        self.assertEqual([again.receive().text() for _ in range(2)], ["kept", "more"])  # type: ignore[union-attr]

    def test_each_loop_releases_its_own_messages(self) -> None:
        producer, consumer = self.ends()
        for text in ("first", "second", "third"):
            producer.send(text)
        one, other = iter(consumer), iter(consumer)
        first, second = next(one), next(other)
        self.assertEqual((first.text(), second.text()), ("first", "second"))
        self.assertEqual(next(one).text(), "third")
        with self.fails("DHMEM_CLOSED"):
            first.text()
        self.assertEqual(second.text(), "second")
        # Loops that are left release nothing.
        del one, other
        producer.send("fourth")
        self.assertEqual(next(iter(consumer)).text(), "fourth")
        consumer.close()
        again = self.region.queue("steps").consumer(timeout=60)
        self.assertEqual([next(again).text() for _ in range(3)], ["second", "third", "fourth"])

    def test_threads_loop_over_one_consumer(self) -> None:
        producer, consumer = self.ends(capacity=1024)
        seen: list[str] = []

        def work() -> None:
            for message in consumer:
                time.sleep(0)
                seen.append(message.text())

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for i in range(1000):
            producer.send(str(i))
        producer.end()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(seen, key=int), [str(i) for i in range(1000)])

    def test_an_end_with_a_view_is_closed_after_its_block_when_the_view_is_gone(self) -> None:
        queue = self.region.queue("steps")
        with queue.producer() as producer, queue.consumer(timeout=60) as consumer:
            for text in ("first", "second"):
                producer.send(text)
            message = next(consumer)
            views = [memoryview(message)]
            message = next(consumer)
            views.append(memoryview(message))
            writing = memoryview(producer.reserve(5))
        for use in (consumer.try_receive, message.text, lambda: producer.send("")):
            with self.fails("DHMEM_CLOSED"):
                use()
        with self.fails("DHMEM_ENDPOINT_TAKEN", "was left here, but 2 views of messages of steps still exist"):
            queue.consumer()
        with self.fails("DHMEM_ENDPOINT_TAKEN", "was left here, but 1 view of a reservation in steps still exists"):
            queue.producer()
        writing[:] = b"third"
        self.assertEqual([bytes(view) for view in views], [b"first", b"second"])
        for view in [*views, writing]:
            view.release()
        with queue.producer() as producer, queue.consumer(timeout=60) as consumer:
            producer.send("third")
            self.assertEqual([next(consumer).text() for _ in range(2)], ["second", "third"])

    def test_an_end_of_a_closed_region_is_closed_despite_views(self) -> None:
        producer, consumer = self.ends()
        producer.send("text")
        message = consumer.receive()
        assert message is not None
        with memoryview(message) as view, memoryview(producer.reserve(4)) as writing:
            self.region.close()
            consumer.close()
            producer.close()
            self.assertEqual(bytes(view) + bytes(writing), bytes(8))

    def test_what_was_released_cannot_be_viewed(self) -> None:
        producer, consumer = self.ends()
        producer.send("gone")
        message = consumer.receive()
        assert message is not None
        with memoryview(message), self.assertRaises(BufferError):
            message.release()
        message.release()
        for use in (message.text, message.release, message.take, lambda: memoryview(message)):
            with self.fails("DHMEM_CLOSED", "This message was released"):
                use()

    def test_text_has_a_replacement_for_bytes_that_are_no_text(self) -> None:
        producer, consumer = self.ends()
        producer.send(b"a\xffb")
        message = consumer.receive()
        assert message is not None
        self.assertEqual(message.text(), "a\ufffdb")
        block = self.region.allocate(2)
        memoryview(block)[:] = b"\xffb"
        self.assertEqual(block.text(), "\ufffdb")

    def test_with_releases_a_message(self) -> None:
        producer, consumer = self.ends(capacity=64)
        for _ in range(10):
            producer.send("brief")
            message = consumer.receive()
            assert message is not None
            with message:
                self.assertEqual(message.text(), "brief")

    def test_a_message_is_written_in_place(self) -> None:
        producer, consumer = self.ends()
        with producer.reserve(100) as room:
            memoryview(room)[:5] = b"whole"
        with producer.reserve(100) as room:
            memoryview(room)[:4] = b"part"
            room.commit(4)
        with self.assertRaises(ZeroDivisionError), producer.reserve(100) as room:
            memoryview(room)[:4] = b"none"
            raise ZeroDivisionError
        room = producer.reserve(100)
        with memoryview(room), self.assertRaises(BufferError):
            room.commit()
        del room
        producer.send("last")
        producer.end()
        self.assertEqual([len(message) for message in consumer], [100, 4, 4])

    def test_wrong_arguments_are_errors_that_say_what_is_right(self) -> None:
        producer, consumer = self.ends()
        with self.fails("DHMEM_BAD_ARGUMENT", "timeout is -1; it must be None or a number of seconds, 0 or more"):
            consumer.receive(timeout=-1)
        with self.fails("DHMEM_BAD_ARGUMENT", "capacity is '1 parsec'"):
            self.region.queue("other", capacity="1 parsec")
        with self.fails("DHMEM_BAD_ARGUMENT", "The region's name is '../x'"):
            dhmem.Region("../x")
        with self.assertRaises(TypeError):
            producer.send(1)  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "unexpected keyword argument 'timeuot'"):
            producer.send("", timeuot=1)  # type: ignore[call-arg]
        with self.assertRaises(TypeError):
            dhmem.Message()
        with self.assertRaises(TypeError):
            dhmem.Producer(region=None, queue="x")  # type: ignore[arg-type]
        with self.assertRaises(RuntimeError):
            dhmem.Consumer.__new__(dhmem.Consumer).receive()
        with self.assertRaises(RuntimeError):
            dhmem.Region.__new__(dhmem.Region).allocate(1)

    def test_an_end_is_taken_until_it_is_closed(self) -> None:
        producer, _ = self.ends()
        with self.fails("DHMEM_ENDPOINT_TAKEN"):
            self.region.queue("steps").producer()
        producer.close()
        with self.fails("DHMEM_CLOSED"):
            producer.send("")
        with self.region.queue("steps").producer() as again:
            again.send("")
        with self.region.queue("steps").producer() as again:
            again.end()

    def test_a_queue_that_drops_messages_has_the_newest(self) -> None:
        for options, kept in (({"policy": "latest"}, [9]), ({"policy": "drop-oldest", "keep": 4}, [6, 7, 8, 9])):
            name = str(options["policy"])
            queue = self.region.queue(name, **options)
            producer, consumer = queue.producer(), queue.consumer()
            for i in range(10):
                producer.send(str(i), block=self.region.allocate(1 << 20))
            producer.end()
            self.assertEqual([int(message.text()) for message in consumer], kept)
        with self.fails("DHMEM_BAD_ARGUMENT", "keep is 3"):
            self.region.queue("other", keep=3)
        with self.fails("DHMEM_BAD_ARGUMENT", "one of block, latest, drop-oldest"):
            self.region.queue("other", policy="newest")  # type: ignore[call-overload]


class Blocks(RegionTest):
    def test_a_block_is_handed_over(self) -> None:
        producer, consumer = self.ends()
        block = self.region.allocate(8000)
        memoryview(block).cast("d")[:] = memoryview(bytearray(8000)).cast("d")
        producer.send("a field", block=block)
        with self.fails("DHMEM_CLOSED", "freed or handed over"):
            memoryview(block)
        message = consumer.receive()
        assert message is not None and message.block is not None
        self.assertEqual(bytes(message.block), bytes(8000))
        taken = message.take()
        self.assertEqual(len(taken), 8000)
        taken.free()
        with self.fails("DHMEM_CLOSED"):
            taken.free()

    def test_a_block_with_a_view_stays(self) -> None:
        producer, consumer = self.ends()
        block = self.region.allocate(100)
        with memoryview(block):
            for give in (block.free, lambda: producer.send("", block=block)):
                with self.assertRaisesRegex(BufferError, "1 view of the block still exists"):
                    give()
        producer.send("", block=block)
        message = consumer.receive()
        assert message is not None and message.block is not None
        with memoryview(message.block):
            with self.assertRaisesRegex(BufferError, "1 view of the message still exists"):
                message.release()
        old = message.block
        message.release()
        with self.fails("DHMEM_CLOSED", "This block's message was released"):
            bytes(old)

    def test_a_clone_is_the_same_memory(self) -> None:
        producer, consumer = self.ends()
        block = self.region.allocate(1000)
        clone = block.clone()
        memoryview(block)[0] = 7
        producer.send("", block=clone)
        block.free()
        for message in consumer:
            assert message.block is not None
            self.assertEqual(memoryview(message.block)[0], 7)
            producer.end()

    def test_objects_are_removed_and_memory_is_given_back(self) -> None:
        self.region.mutex("turn")
        self.assertTrue(self.region.remove("turn"))
        self.assertFalse(self.region.remove("turn"))
        self.region.allocate(10 << 20).free()
        self.assertGreaterEqual(self.region.trim(), 0)

    def test_what_nobody_refers_to_is_freed(self) -> None:
        for _ in range(200):
            self.region.allocate(1 << 20)
        for _ in range(200):
            with self.region.allocate(1 << 20) as block:
                view = memoryview(block)
        del view, block
        gc.collect()
        self.region.allocate(50 << 20).free()
        with self.fails("DHMEM_REGION_FULL"):
            self.region.allocate(1 << 30)


    def test_a_block_of_another_opening_is_refused(self) -> None:
        producer, consumer = self.ends()
        own = self.region.allocate(1000)
        for other in (dhmem.Region.temporary(), dhmem.Region(self.region.name)):
            with other:
                block = other.allocate(1000)
                with self.fails("DHMEM_BAD_ARGUMENT", "another opening"):
                    producer.send("none", block=block)
                block.free()
        self.assertIsNone(consumer.try_receive())
        own.free()


class Regions(RegionTest):
    def test_views_of_a_closed_region_read_zeros(self) -> None:
        _, consumer = self.ends()
        block = self.region.allocate(100)
        view = memoryview(block)
        view[:] = b"x" * 100
        self.region.close()
        self.assertEqual(bytes(view), bytes(100))
        for use in (consumer.receive, lambda: memoryview(block), lambda: self.region.allocate(1)):
            with self.fails("DHMEM_CLOSED", "is closed"):
                use()

    def test_a_region_is_made_opened_and_removed(self) -> None:
        name = f"test-{id(self)}-{self.region.name}"
        with dhmem.Region(name, mode="create", size="16MiB", permissions=0o640) as region:
            self.addCleanup(lambda: None)
            self.assertEqual((region.name, region.size), (name, 16 << 20))
            with self.fails("DHMEM_EXISTS"):
                dhmem.Region(name, mode="create")
            with dhmem.Region.open(name, mode="open") as same:
                self.assertEqual(same.path, region.path)
            region.unlink()
        with self.fails("DHMEM_NOT_FOUND"):
            dhmem.Region(name, mode="open")
        with self.fails("DHMEM_NOT_FOUND"):
            dhmem.unlink(name)

    def test_an_error_survives_pickling_and_a_region_does_not_try(self) -> None:
        error = pickle.loads(pickle.dumps(dhmem.DhmemError("DHMEM_TIMEOUT", "late")))
        self.assertEqual((error.code, str(error)), ("DHMEM_TIMEOUT", "late"))
        with self.assertRaisesRegex(TypeError, "open .* there by its name"):
            pickle.dumps(self.region)


if __name__ == "__main__":
    unittest.main()
