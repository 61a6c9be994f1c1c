"""Queues of messages, and their two ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Literal

from . import _native
from ._errors import bad_argument
from ._sizes import Size, check_count, parse_size
from ._waiting import Timeout, until

if TYPE_CHECKING:
    from ._native import Block, Data, Message, Region

Policy = Literal["block", "drop-oldest", "latest"]
_POLICIES = {"block": 0, "latest": 1, "drop-oldest": 2}


class Queue:
    """A queue with one producer and one consumer, in any two processes. From `Region.queue()`.

    Either end may be opened first. Messages have any size: large ones travel as a block by themselves.
    """

    def __init__(self, region: Region, name: str, capacity: Size | None, policy: Policy, keep: int | None) -> None:
        if policy not in _POLICIES:
            bad_argument("policy", policy, f"one of {', '.join(_POLICIES)}")
        if keep is not None and policy != "drop-oldest":
            bad_argument("keep", keep, 'left out unless policy is "drop-oldest"')
        self.name = name
        self._region = region
        self._capacity = 0 if capacity is None else parse_size("capacity", capacity)
        self._policy = _POLICIES[policy]
        self._keep = keep or 0

    def producer(self, *, timeout: float | None = None, patient: bool = False) -> Producer:
        """Become the producer. DHMEM_ENDPOINT_TAKEN if there is one already.

        `timeout` is for every wait of it, in seconds. A `patient` end goes on waiting after the other side has left or
        died without ending the stream; otherwise that is DHMEM_PEER_GONE.
        """
        return Producer(
            region=self._region,
            queue=self.name,
            capacity=self._capacity,
            policy=self._policy,
            keep=self._keep,
            patient=patient,
            timeout=timeout,
        )

    def consumer(self, *, timeout: float | None = None, patient: bool = False) -> Consumer:
        """Become the consumer. DHMEM_ENDPOINT_TAKEN if there is one already. Options as of `producer()`."""
        return Consumer(
            region=self._region,
            queue=self.name,
            capacity=self._capacity,
            policy=self._policy,
            keep=self._keep,
            patient=patient,
            timeout=timeout,
        )

    def __repr__(self) -> str:
        return f"<dhmem.Queue {self.name!r} in {self._region.path}>"


class Producer(_native.Producer):
    """The sending end of a queue. From `Queue.producer()`.

    A `with` block closes it at the end. That does not end the stream: call `end()` for that.
    """

    async def send_async(self, data: Data, *, block: Block | None = None, timeout: Timeout = ...) -> None:
        """Send as `send()` does, and let the event loop run while there is no room."""
        limit = self.timeout if timeout is ... else timeout
        await until(
            self.region,
            lambda: self.try_send(data, block=block) or None,
            limit,
            f"room in queue {self.name}",
        )

    def __repr__(self) -> str:
        return f"<dhmem.Producer of {self.name!r}>"


class Consumer(_native.Consumer):
    """The receiving end of a queue. From `Queue.consumer()`.

    Iterating over it receives messages to the end of the stream. Each one is released when the loop asks for the next,
    or when the last view of it is gone, if that is later. A loop that is left by `break` or an exception does not
    release its message, so the next consumer receives it again.

    `async for` does the same, and lets the event loop run meanwhile. Several threads or tasks may loop over it at the same
    time: each message goes to one of them.
    """

    async def receive_async(self, *, timeout: Timeout = ...) -> Message | None:
        """Receive as `receive()` does, and let the event loop run until there is a message."""

        def attempt() -> tuple[Message | None] | None:
            message = self.try_receive()
            return (message,) if message is not None or self.ended else None

        limit = self.timeout if timeout is ... else timeout
        (message,) = await until(self.region, attempt, limit, f"a message from queue {self.name}")
        return message

    def batches(self, max: int) -> Iterator[list[Message]]:
        """Iterate in lists of 1 to `max` messages: those that are there. Waits for the first of each list.

            for batch in consumer.batches(100):
                total += sum(len(message) for message in batch)

        The messages of a list are released when the loop asks for the next one, as those of a plain loop are.
        """
        check_count("max", max)
        while (first := self.receive()) is not None:
            batch = [first, *self.receive_many(max - 1)]
            yield batch
            finish(batch)

    async def batches_async(self, max: int) -> AsyncIterator[list[Message]]:
        """Iterate as `batches()` does, and let the event loop run meanwhile."""
        check_count("max", max)
        while (first := await self.receive_async()) is not None:
            batch = [first, *self.receive_many(max - 1)]
            yield batch
            finish(batch)

    def __aiter__(self) -> _AsyncLoop:
        return _AsyncLoop(self)

    async def __anext__(self) -> Message:
        return await _next(self, self)

    def __repr__(self) -> str:
        return f"<dhmem.Consumer of {self.name!r}>"


class _AsyncLoop:
    """An `async for` loop over a consumer. Tasks may have one each."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._loop = iter(consumer)

    def __aiter__(self) -> _AsyncLoop:
        return self

    async def __anext__(self) -> Message:
        return await _next(self._consumer, self._loop)


async def _next(consumer: Consumer, returning: Consumer | _native.Loop) -> Message:
    returning._release_current()
    message = await consumer.receive_async()
    if message is None:
        raise StopAsyncIteration
    returning._set_current(message)
    return message


def finish(batch: list[Message]) -> None:
    """Release messages, each as soon as its last view is gone."""
    for message in batch:
        message.__exit__(None, None, None)


for _class in (Queue, Producer, Consumer):
    _class.__module__ = "dhmem"
