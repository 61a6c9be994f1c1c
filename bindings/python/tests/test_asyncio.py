"""Waits in event loops."""

from __future__ import annotations

import asyncio
import threading
import unittest

import dhmem
from fixture import RegionTest, python


class Asyncio(RegionTest):
    def test_tasks_exchange_messages_and_the_loop_runs(self) -> None:
        queue = self.region.queue("steps", capacity=1024)

        async def produce() -> None:
            with queue.producer() as producer:
                for i in range(500):
                    await producer.send_async(f"{i} " + "x" * 100)
                producer.end()

        async def consume() -> list[int]:
            with queue.consumer() as consumer:
                return [int(message.text().split()[0]) async for message in consumer]

        async def main() -> list[int]:
            _, got = await asyncio.gather(produce(), consume())
            return got

        self.assertEqual(asyncio.run(main()), list(range(500)))

    def test_tasks_loop_over_one_consumer(self) -> None:
        producer, consumer = self.ends()
        for i in range(100):
            producer.send(str(i))
        producer.end()

        async def work() -> list[str]:
            texts = []
            async for message in consumer:
                await asyncio.sleep(0)
                texts.append(message.text())
            return texts

        async def main() -> list[list[str]]:
            return await asyncio.gather(*(work() for _ in range(4)))

        texts = asyncio.run(main())
        self.assertEqual(sorted(int(text) for each in texts for text in each), list(range(100)))

    def test_a_loop_that_was_closed_while_a_task_waited_hinders_nobody(self) -> None:
        _, consumer = self.ends("never")
        producer, other = self.ends()
        closed = asyncio.new_event_loop()
        closed.set_exception_handler(lambda loop, context: None)
        task = closed.create_task(consumer.receive_async(timeout=None))
        # It waits then.
        closed.run_until_complete(asyncio.sleep(0))
        closed.close()

        async def main() -> str:
            waiting = asyncio.create_task(other.receive_async())
            await asyncio.sleep(0)
            producer.send("text")
            message = await waiting
            assert message is not None
            return message.text()

        self.assertEqual(asyncio.run(main()), "text")
        self.region.close()
        self.assertFalse(task.done())

    def test_closing_the_region_in_another_thread_ends_the_waits_of_all_loops(self) -> None:
        for _ in range(10):
            with dhmem.Region(self.region.name) as region:
                ready = threading.Barrier(3)
                ends: list[list[str]] = []

                async def main(name: str) -> list[str]:
                    async def receive(consumer: dhmem.Consumer) -> str:
                        with self.assertRaises(dhmem.DhmemError) as caught:
                            await consumer.receive_async()
                        return caught.exception.code

                    consumers = [region.queue(f"{name}-{i}", capacity=1024).consumer() for i in range(5)]
                    tasks = [asyncio.create_task(receive(consumer)) for consumer in consumers]
                    await asyncio.sleep(0)
                    ready.wait()
                    return await asyncio.wait_for(asyncio.gather(*tasks), 60)

                threads = [
                    threading.Thread(target=lambda name=name: ends.append(asyncio.run(main(name)))) for name in "ab"
                ]
                for thread in threads:
                    thread.start()
                ready.wait()
                region.close()
                for thread in threads:
                    thread.join()
                self.assertEqual(ends, [["DHMEM_CLOSED"] * 5] * 2)

    def test_another_process_wakes_the_loop(self) -> None:
        program = """
import sys, dhmem
region = dhmem.Region(sys.argv[1])
producer = region.queue("back").producer()
for message in region.queue("there").consumer(): producer.send(message.text() + "!")
producer.end()
"""

        async def main() -> None:
            with self.region.queue("there").producer() as there, self.region.queue("back").consumer() as back:
                for i in range(100):
                    await there.send_async(str(i))
                    message = await back.receive_async(timeout=60)
                    assert message is not None
                    with message:
                        self.assertEqual(message.text(), f"{i}!")
                there.end()
                self.assertIsNone(await back.receive_async(timeout=60))

        child = python(program, self.region.name)
        asyncio.run(main())
        child.communicate()
        self.assertEqual(child.returncode, 0)

    def test_a_killed_peer_ends_the_wait(self) -> None:
        program = "import sys, dhmem; p = dhmem.Region(sys.argv[1]).queue('steps').producer(); print(1, flush=True); sys.stdin.read()"

        async def main() -> None:
            with self.region.queue("steps").consumer() as consumer:
                child = python(program, self.region.name)
                assert child.stdout is not None
                child.stdout.readline()
                waiting = asyncio.create_task(consumer.receive_async())
                await asyncio.sleep(0)
                child.kill()
                child.communicate()
                with self.fails("DHMEM_PEER_GONE"):
                    await waiting

        asyncio.run(main())

    def test_waits_end_by_timeouts_cancelling_and_closing(self) -> None:
        async def main() -> None:
            producer = self.region.queue("full", capacity=64).producer()
            consumer = self.region.queue("empty").consumer(timeout=0.01)
            with self.fails("DHMEM_TIMEOUT", "Waited 10 ms for a message from queue empty"):
                await consumer.receive_async()
            with self.fails("DHMEM_TIMEOUT", "room in queue full"):
                while True:
                    await producer.send_async(bytes(16), timeout=0.01)
            waiting = asyncio.create_task(consumer.receive_async(timeout=None))
            await asyncio.sleep(0)
            waiting.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await waiting
            waiting = asyncio.create_task(consumer.receive_async(timeout=None))
            await asyncio.sleep(0)
            self.region.close()
            with self.fails("DHMEM_CLOSED"):
                await waiting

        asyncio.run(main())

    def test_mutexes_are_awaited(self) -> None:
        async def main() -> None:
            mutex = self.region.mutex("turn")
            with dhmem.Region(self.region.name) as other:
                held = other.mutex("turn").lock()
                with self.fails("DHMEM_TIMEOUT", "mutex turn"):
                    await mutex.lock_async(timeout=0.01)
                waiting = asyncio.create_task(mutex.lock_async())
                await asyncio.sleep(0)
                held.unlock()
                with await waiting as ours:
                    self.assertFalse(ours.abandoned)
                    self.assertIsNone(other.mutex("turn").try_lock())

        asyncio.run(main())

    def test_conditions_are_awaited(self) -> None:
        program = """
import sys, dhmem
region = dhmem.Region(sys.argv[1])
state = region.struct("state", {"step": "f8"})
for _ in range(100):
    with region.mutex("turn").lock() as held:
        region.condition("changed").wait(held, lambda: state.step % 2 == 1, timeout=60)
        state.step += 1
        region.condition("changed").notify_all()
"""
        state = self.region.struct("state", {"step": "f8"})
        turn, changed = self.region.mutex("turn"), self.region.condition("changed")
        steps = 0

        async def count() -> None:
            nonlocal steps
            while True:
                steps += 1
                await asyncio.sleep(0)

        async def main() -> None:
            counting = asyncio.create_task(count())
            with python(program, self.region.name) as other, await turn.lock_async() as held:
                for i in range(100):
                    await changed.wait_async(held, lambda: state.step == 2 * i, timeout=60)
                    self.assertIs(held.abandoned, False)
                    state.step += 1
                    changed.notify_all()
                await changed.wait_async(held, lambda: state.step == 200, timeout=60)
            counting.cancel()
            self.assertEqual(other.returncode, 0)

        asyncio.run(main())
        self.assertGreater(steps, 0)

    def test_whoever_awaits_a_condition_has_the_mutex_afterwards(self) -> None:
        turn, changed = self.region.mutex("turn"), self.region.condition("changed")

        async def main() -> None:
            with dhmem.Region(self.region.name) as other, turn.lock() as held:

                def is_held() -> bool:
                    return other.mutex("turn").try_lock() is None

                with self.fails("DHMEM_TIMEOUT", "Waited 10 ms for condition changed"):
                    await changed.wait_async(held, lambda: False, timeout=0.01)
                self.assertTrue(is_held())
                with self.assertRaises(ZeroDivisionError):
                    await changed.wait_async(held, lambda: 1 / 0)
                self.assertTrue(is_held())
                with self.assertRaises(TypeError):
                    await changed.wait_async(turn, lambda: True)  # type: ignore[arg-type]
                looks = [False, False]
                with self.assertRaises(IndexError):
                    await changed.wait_async(held, looks.pop)
                self.assertTrue(is_held())

                waiting = asyncio.create_task(changed.wait_async(held, lambda: False))
                await asyncio.sleep(0)
                theirs = other.mutex("turn").lock(timeout=60)
                with self.fails("DHMEM_BAD_ARGUMENT"):
                    await changed.wait_async(held, lambda: True)
                # It wants the mutex before it ends, however often it is cancelled.
                for _ in range(3):
                    waiting.cancel()
                    await asyncio.sleep(0)
                self.assertFalse(waiting.done())
                theirs.unlock()
                with self.assertRaises(asyncio.CancelledError):
                    await waiting
                self.assertTrue(is_held())

        asyncio.run(main())

    def test_a_late_look_counts(self) -> None:
        turn, changed = self.region.mutex("turn"), self.region.condition("changed")
        reached = False

        async def main() -> None:
            nonlocal reached
            with dhmem.Region(self.region.name) as other, turn.lock() as held:
                waiting = asyncio.create_task(changed.wait_async(held, lambda: reached, timeout=0.01))
                await asyncio.sleep(0)
                with other.mutex("turn").lock(timeout=60):
                    await asyncio.sleep(0.05)
                    reached = True
                await waiting

        asyncio.run(main())

    def test_tasks_of_one_region_take_turns(self) -> None:
        state = self.region.struct("state", {"step": "f8"})
        turn, changed = self.region.mutex("turn"), self.region.condition("changed")

        async def wait() -> None:
            with await turn.lock_async() as held:
                await changed.wait_async(held, lambda: state.step == 50, timeout=60)

        async def main() -> None:
            waiting = asyncio.create_task(wait())
            await asyncio.sleep(0)
            for _ in range(50):
                with await turn.lock_async():
                    await asyncio.sleep(0)
                    state.step += 1
                    changed.notify_all()
            await waiting

        asyncio.run(main())

    def test_a_holder_that_dies_is_told_of(self) -> None:
        program = """
import os, signal, sys, dhmem
region = dhmem.Region(sys.argv[1])
region.mutex("turn").lock()
region.struct("state", {"step": "f8"}).step = int(sys.argv[2])
os.kill(os.getpid(), signal.SIGKILL)
"""
        state = self.region.struct("state", {"step": "f8"})
        turn, changed = self.region.mutex("turn"), self.region.condition("changed")
        has_looked = asyncio.Event()

        def die_with(step: int) -> None:
            with python(program, self.region.name, str(step)) as dying:
                dying.wait(60)

        def is_reached() -> bool:
            if state.step == 1:
                has_looked.set()
            return bool(state.step == 5)

        async def main() -> None:
            with turn.lock() as held:
                waiting = asyncio.create_task(changed.wait_async(held, is_reached, timeout=60))
                await asyncio.sleep(0)
                die_with(1)
                await has_looked.wait()
                # The wait goes on, so the news was for the next one.
                with dhmem.Region(self.region.name) as other, other.mutex("turn").lock(timeout=60) as theirs:
                    self.assertTrue(theirs.abandoned)
                die_with(5)
                await waiting
                self.assertTrue(held.abandoned)

        asyncio.run(main())

    def test_two_loops_wait_in_one_region(self) -> None:
        rounds = 100

        async def pass_on(source: str, target: str, first: bool) -> None:
            with self.region.queue(source).consumer() as inlet, self.region.queue(target).producer() as outlet:
                if first:
                    await outlet.send_async("0")
                for _ in range(rounds):
                    message = await inlet.receive_async(timeout=60)
                    assert message is not None
                    with message:
                        await outlet.send_async(str(int(message.text()) + 1))

        thread = threading.Thread(target=lambda: asyncio.run(pass_on("a", "b", False)))
        thread.start()
        asyncio.run(pass_on("b", "a", True))
        thread.join(60)
        self.assertFalse(thread.is_alive())
        message = self.region.queue("b").consumer().try_receive()
        self.assertIsNone(message)


if __name__ == "__main__":
    unittest.main()
