"""A program that is killed again and again while it sends and receives, as `chaos` of test/c/peer-chaos.c does."""

from __future__ import annotations

import struct
import time

import dhmem

# What processes do, as `progress` says.
EXCHANGING, ENDING, SENDING = 0, 2, 3


def content(number: int) -> bytes:
    """A message: its number, and number % 200 bytes."""
    return struct.pack("<d", number) + bytes([number & 0xFF]) * (number % 200)


class Chaos:
    def __init__(self, region: dhmem.Region, out: int, input: int) -> None:
        self._region = region
        # Of each queue, the last number that was sent, the last that was received, and how many came again; and behind
        # them what to do, the number of a message to leave out, and that of one to change.
        self._progress = memoryview(region.array("progress")).cast("d")
        self._sent, self._received = 3 * out, 3 * input + 1
        self._producer = region.queue(f"queue-{out}", capacity=4096).producer(patient=True)
        self._consumer = region.queue(f"queue-{input}", capacity=4096).consumer(patient=True)

    def exchange(self) -> str:
        """Send and receive until it should end, and then receive what is left."""
        while True:
            phase = self._progress[-3]
            if phase in (EXCHANGING, SENDING):
                self._send_next()
            if phase != SENDING and self._receive_next():
                continue
            if phase == ENDING:
                return "exchanged"
            time.sleep(0.001)

    def _send_next(self) -> None:
        number = int(self._progress[self._sent]) + 1
        if number == self._progress[-2] or self._try_send(number, changed=number == self._progress[-1]):
            self._progress[self._sent] = number

    def _try_send(self, number: int, *, changed: bool) -> bool:
        if number % 7 != 0:
            data = bytearray(content(number))
            data[-1] ^= changed
            return self._producer.try_send(data)
        block = self._region.allocate(1000 + number % 5000)
        with memoryview(block) as view:
            view[:] = bytes([number & 0xFF]) * len(block)
            view[-1] ^= changed
        done = self._producer.try_send(content(number), block=block)
        if not done:
            block.free()
        return done

    def _receive_next(self) -> bool:
        message = self._consumer.try_receive()
        if message is None:
            return False
        data = bytes(message)
        block = None if message.block is None else bytes(message.block)
        number, last = int(struct.unpack_from("<d", data)[0]), int(self._progress[self._received])
        wanted = bytes([number & 0xFF]) * (1000 + number % 5000) if number % 7 == 0 else None
        # The last may come again after a side was killed.
        if number not in (last, last + 1) or data != content(number) or block != wanted:
            raise ValueError(f"wrong: {number} after {last}, {len(data)} bytes")
        if number == last:
            self._progress[self._received + 1] += 1
        self._progress[self._received] = number
        message.release()
        return True
