"""Which stream ends a task has read or written, across restarts of the task: as src/workflow/completion.ts, which says why.

A task that failed after it has read an end sees that end again when it is restarted, and a stream that it has ended stays
ended. After a success the next streams begin. `dhmem run` notes how a task exits; without it, leaving the `with` block of
the task without an exception counts as success.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._links import Link
from ._objects import Struct

if TYPE_CHECKING:
    from ._region import Region

# What the tasks of a link note about themselves, as src/workflow/link-state.ts says.
_NOTES = {
    "bytes": "f8",
    "sending": "u4",
    "receiving": "u4",
    "polling": "u4",
    "written": "u4",
    "again": "u4",
    "ends": "u4",
    "consumers": "u4",
    "from": "u4",
    "to": "u4",
}


class Activity(NamedTuple):
    consumers: int
    ended: int
    ends_read: int
    head: int
    next: int


def notes_of(region: Region, link: Link) -> Struct:
    return region.struct(f"{link.name}#", _NOTES)


def _activity(region: Region, link: Link) -> Activity | None:
    found = region._activity(link.name)
    return None if found is None else Activity(*found)


def note_for_predecessor(region: Region, link: Link) -> None:
    """Note the end that a predecessor had read when it was killed before it could. Before the endpoint is taken."""
    activity = _activity(region, link)
    if activity is None:
        return
    notes = notes_of(region, link)
    # Otherwise another program has read from the queue since, and its ends are not this task's.
    if activity.consumers == notes.consumers and activity.ends_read != notes.ends:
        note_read_end(region, link)


def note_receiver(region: Region, link: Link) -> None:
    """Note that this task has the endpoint, so ends that are read from now on are its own."""
    activity = _activity(region, link)
    notes = notes_of(region, link)
    # In this order: if this task dies in between, the counts don't match, and it has read no end.
    notes.ends = 0 if activity is None else activity.ends_read
    notes.consumers = 0 if activity is None else activity.consumers


def has_read_end(region: Region, link: Link) -> bool:
    """Whether a run that did not succeed has read an end, and released every message before it."""
    again = notes_of(region, link).again
    activity = _activity(region, link)
    head = again if activity is None else activity.head
    # Positions are counted modulo 2^32.
    is_before = 0 < ((again & ~1) - head) % 2**32 < 2**31
    return again != 0 and not is_before


def note_read_end(region: Region, link: Link) -> None:
    """Note that the task has just read the end of a stream. A new stream may begin at once and hide that."""
    activity = _activity(region, link)
    notes = notes_of(region, link)
    # Positions are multiples of 8, and the note must not be 0.
    notes.again = 1 if activity is None else activity.next | 1
    # Last: if the task dies in between, its successor writes the same note again.
    notes.ends = 0 if activity is None else activity.ends_read


def has_ended(region: Region, link: Link) -> bool:
    """Whether a run that did not succeed has ended the last stream on a link."""
    activity = _activity(region, link)
    return activity is not None and activity.ended != 0 and notes_of(region, link).written != activity.ended


def complete(region: Region, task: str, link: Link) -> None:
    """Note that a run of the task has succeeded, so that the next one sends and receives new streams."""
    activity = _activity(region, link)
    if activity is None:
        return
    notes = notes_of(region, link)
    if link.source[0] == task and activity.ended != 0:
        notes.written = activity.ended
    if link.target[0] == task:
        notes.again = 0


# The ends that tasks of this process have read or written: the region's path, the task and the link.
_own: set[tuple[str, str, str]] = set()


def note_own(region: Region, task: str, link: Link) -> None:
    _own.add((region.path, task, link.name))


def complete_own(region: Region, task: str, link: Link) -> None:
    """If this process has run the task before, that run did not fail, because the process still lives."""
    key = (region.path, task, link.name)
    if key in _own:
        _own.remove(key)
        complete(region, task, link)
