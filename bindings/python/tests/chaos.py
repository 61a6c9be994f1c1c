"""A program that is killed again and again while it sends and receives, as `chaos` of test/c/peer-chaos.c does."""

from __future__ import annotations

import struct
import time

import dhmem


def content(number: int) -> bytes:
    """A message: its number, and number % 200 bytes."""
    return struct.pack("<d", number) + bytes([number & 0xFF]) * (number % 200)


class Chaos:
    def __init__(self, region: dhmem.Region, out: int, input: int) -> None:
        self._region = region
        # Of each queue, the last number that was sent and received; and behind them, whether to stop.
        self._progress = memoryview(region.array("progress")).cast("d")
        self._sent, self._received = 2 * out, 2 * input + 1
        self._producer = region.queue(f"queue-{out}", capacity=4096).producer(patient=True)
        self._consumer = region.queue(f"queue-{input}", capacity=4096).consumer(patient=True)

    def exchange(self) -> str:
        """Send and receive until it should stop, and then receive what is left."""
        while True:
            stop = self._progress[-1]
            if stop == 0:
                self._send_next()
            if self._receive_next():
                continue
            if stop == 2:
                return "exchanged"
            time.sleep(0.001)

    def _send_next(self) -> None:
        number = int(self._progress[self._sent]) + 1
        if number % 7 == 0:
            block = self._region.allocate(1000 + number % 5000)
            with memoryview(block) as view:
                view[:] = bytes([number & 0xFF]) * len(block)
            done = self._producer.try_send(content(number), block=block)
            if not done:
                block.free()
        else:
            done = self._producer.try_send(content(number))
        if done:
            self._progress[self._sent] = number

    def _receive_next(self) -> bool:
        message = self._consumer.try_receive()
        if message is None:
            return False
        data = bytes(message)
        block = None if message.block is None else bytes(message.block)
        number, last = int(struct.unpack_from("<d", data)[0]), int(self._progress[self._received])
        wanted = bytes([number & 0xFF]) * (1000 + number % 5000) if number % 7 == 0 else None
        # One may come again after its receiver was killed.
        if number > last + 1 or data != content(number) or block != wanted:
            raise ValueError(f"wrong: {number} after {last}, {len(data)} bytes")
        if number > last:
            self._progress[self._received] = number
        message.release()
        return True
