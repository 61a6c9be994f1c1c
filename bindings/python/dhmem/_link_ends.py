"""The two ends of a link, as a task has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ._completion import (
    complete_own,
    has_ended,
    has_read_end,
    note_for_predecessor,
    note_own,
    note_read_end,
    note_receiver,
    notes_of,
)
from ._errors import DhmemError
from ._links import Link
from ._native import Block, Message
from ._objects import Struct
from ._queue import Queue

if TYPE_CHECKING:
    from ._native import Data
    from ._region import Region

# In "from" and "to": by shared memory.
_SHM = 1


def _queue_of(region: Region, link: Link) -> Queue:
    return region.queue(link.name, capacity=link.capacity, policy=link.policy, keep=link.keep)


class Receiver:
    """One link of an input."""

    def __init__(self, region: Region, task: str, link: Link) -> None:
        self.link = link
        self._region = region
        self._task = task
        # Before the endpoint is taken, because this may fail for lack of room.
        self.notes = notes_of(region, link)
        note_for_predecessor(region, link)
        self.consumer = _queue_of(region, link).consumer(patient=True)
        note_receiver(region, link)
        self.notes.receiving = self.notes.polling = 0
        self.notes.to = _SHM
        complete_own(region, task, link)
        # A failed run of this task has read the end, so this one sees it again.
        self._sees_end_again = has_read_end(region, link)
        self._is_noted = False

    @property
    def ended(self) -> bool:
        return self._sees_end_again or self.consumer.ended

    def try_receive(self) -> Message | None:
        return self._noted(None if self.ended else self.consumer.try_receive())

    def receive(self, seconds: float) -> Message | None:
        """None at the end, or if there is none in time."""
        if self.ended:
            return self._noted(None)
        try:
            return self._noted(self.consumer.receive(timeout=seconds))
        except DhmemError as error:
            if error.code != "DHMEM_TIMEOUT":
                raise
            return None

    def _noted(self, message: Message | None) -> Message | None:
        if self.ended and not self._is_noted:
            self._is_noted = True
            note_read_end(self._region, self.link)
            note_own(self._region, self._task, self.link)
        return message


class Sender:
    """One link of an output."""

    def __init__(self, region: Region, task: str, link: Link, is_run: bool) -> None:
        self.link = link
        self._region = region
        self._task = task
        # Before the endpoint is taken, because this may fail for lack of room.
        self.notes = notes_of(region, link)
        complete_own(region, task, link)
        # Without a runner, a task that a signal ended after its work can't be told from one that failed.
        self.had_ended = is_run and has_ended(region, link)
        self._producer = None if self.had_ended else _queue_of(region, link).producer(patient=True)
        if self._producer is not None:
            # A killed predecessor may have left another number.
            self.notes.sending = 0
            setattr(self.notes, "from", _SHM)

    def send(self, data: Data, block: Block | None, slices: Iterator[float]) -> None:
        """Try for as long as the slices say. What is sent after a failed run has ended the stream is dropped."""
        if self._producer is None:
            if block is not None:
                block.free()
            return
        for slice in slices:
            try:
                self._producer.send(data, block=block, timeout=slice)
                return
            except DhmemError as error:
                if error.code != "DHMEM_TIMEOUT":
                    raise
                late = error
        raise late

    def end(self) -> None:
        if self._producer is not None:
            self._producer.end()
            note_own(self._region, self._task, self.link)


@contextmanager
def counting(notes: list[Struct], what: str) -> Iterator[None]:
    """Note a wait that only the other side can end, so that `dhmem run` can name tasks that are stuck."""
    for note in notes:
        setattr(note, what, getattr(note, what) + 1)
    try:
        yield
    finally:
        for note in notes:
            try:
                setattr(note, what, getattr(note, what) - 1)
            except ValueError:
                # The region was closed meanwhile, and reads zeros.
                pass
