"""Messages many at a time."""

from __future__ import annotations

import asyncio
import unittest

from fixture import RegionTest


class Batches(RegionTest):
    def test_many_are_sent_until_there_is_no_room_and_received_until_there_is_none(self) -> None:
        producer, consumer = self.ends(capacity=4096)
        messages = [str(i) * 20 for i in range(500)]
        received: list[str] = []
        left = list(messages)
        while left:
            sent = producer.send_many(left)
            self.assertGreater(sent, 0)
            left = left[sent:]
            for message in consumer.receive_many(1000):
                received.append(message.text())
                message.release()
        self.assertEqual(received, messages)
        self.assertEqual(consumer.receive_many(10), [])
        self.assertFalse(consumer.ended)
        producer.end()
        self.assertEqual(consumer.receive_many(10), [])
        self.assertTrue(consumer.ended)

    def test_large_messages_among_many_stay_in_order(self) -> None:
        producer, consumer = self.ends(capacity=1024)
        messages = [b"a", bytes(100_000), b"", bytes(3000), b"b"]
        self.assertEqual(producer.send_many(messages), 5)
        self.assertEqual([bytes(message) for message in consumer.receive_many(10)], messages)

    def test_what_is_no_sequence_of_messages_is_refused(self) -> None:
        producer, consumer = self.ends()
        for wrong in ("text", b"bytes", 5):
            with self.assertRaises(TypeError):
                producer.send_many(wrong)  # type: ignore[arg-type]
        with self.assertRaises(TypeError):
            producer.send_many(["first", 2])  # type: ignore[list-item]
        self.assertEqual([message.text() for message in consumer.receive_many(10)], ["first"])
        with self.assertRaises(TypeError):
            consumer.receive_many("x")  # type: ignore[arg-type]
        with self.fails("DHMEM_BAD_ARGUMENT"):
            next(consumer.batches(0))

    def test_a_mailbox_takes_them_all_and_keeps_the_last(self) -> None:
        queue = self.region.queue("view", policy="drop-oldest", keep=3)
        producer, consumer = queue.producer(), queue.consumer()
        self.assertEqual(producer.send_many([str(i) for i in range(10)]), 10)
        self.assertEqual([message.text() for message in consumer.receive_many(10)], ["7", "8", "9"])

    def test_batches_are_released_when_the_loop_goes_on(self) -> None:
        producer, consumer = self.ends(capacity=1024)
        lengths = []
        batches = consumer.batches(4)
        for _ in range(100):
            self.assertEqual(producer.send_many([bytes(60)] * 6), 6)
            for wanted in (4, 2):
                batch = next(batches)
                lengths.append(len(batch))
                self.assertEqual(len(batch), wanted)
            # The last view of a message keeps it until then.
            view = memoryview(batch[0])
            del batch
            self.assertEqual(len(view), 60)
            del view
        producer.end()
        self.assertEqual(list(batches), [])
        self.assertEqual(sum(lengths), 600)

    def test_a_batch_whose_loop_is_left_is_delivered_again(self) -> None:
        producer, consumer = self.ends()
        producer.send_many(["1", "2", "3"])
        for batch in consumer.batches(2):
            self.assertEqual(len(batch), 2)
            break
        del batch
        consumer.close()
        again = self.region.queue("steps").consumer()
        self.assertEqual([message.text() for message in again.receive_many(10)], ["1", "2", "3"])

    def test_batches_let_the_event_loop_run(self) -> None:
        producer, consumer = self.ends()

        async def produce() -> None:
            for i in range(100):
                await asyncio.sleep(0)
                producer.send_many([str(i)] * 3)
            producer.end()

        async def consume() -> int:
            return sum([len(batch) async for batch in consumer.batches_async(10)])

        async def main() -> int:
            _, count = await asyncio.gather(produce(), consume())
            return count

        self.assertEqual(asyncio.run(main()), 300)


if __name__ == "__main__":
    unittest.main()
