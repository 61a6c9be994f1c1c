"""Waits in asyncio: an event loop watches the region's descriptor while any task waits in the region."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AbstractContextManager
from types import EllipsisType
from typing import Callable, TypeVar, cast

from . import _native
from ._errors import DhmemError

T = TypeVar("T")

# Seconds, None for ever, or ... for the object's own.
Timeout = float | None | EllipsisType


class Waits:
    """The tasks that wait in one region, by event loop: threads may have several."""

    def __init__(self) -> None:
        self._futures: dict[asyncio.AbstractEventLoop, set[asyncio.Future[None]]] = {}
        self._descriptor = -1
        # Between loops in several threads, and a thread that closes the region.
        self._lock = threading.RLock()
        self._closed = False

    def enter(self, region: _native.Region, future: asyncio.Future[None]) -> None:
        loop = future.get_loop()
        with self._lock:
            if self._closed:
                raise DhmemError("DHMEM_CLOSED", f"The region {region.path} is closed; open it again")
            if loop not in self._futures:
                self._descriptor = region._fd()
                loop.add_reader(self._descriptor, self._wake, region)
                self._futures[loop] = set()
            self._futures[loop].add(future)

    def leave(self, future: asyncio.Future[None]) -> None:
        loop = future.get_loop()
        with self._lock:
            futures = self._futures.get(loop, set())
            futures.discard(future)
            if not futures and self._futures.pop(loop, None) is not None:
                loop.remove_reader(self._descriptor)

    def _wake(self, region: _native.Region) -> None:
        """Let every task try again, because the descriptor does not say which of them can go on."""
        try:
            region._fd_clear()
        except DhmemError:
            # Each of them will find the same.
            pass
        self._wake_all()

    def _wake_all(self) -> None:
        here = asyncio._get_running_loop()
        for loop, futures in list(self._futures.items()):
            for future in list(futures):
                if loop is here:
                    _finish(future)
                else:
                    _finish_elsewhere(loop, future)

    def close(self) -> None:
        """Before the region closes its descriptor. Nobody begins to wait after this."""
        with self._lock:
            self._closed = True
            for loop in list(self._futures):
                loop.remove_reader(self._descriptor)
            self._wake_all()
            self._futures.clear()


def _finish_elsewhere(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    try:
        loop.call_soon_threadsafe(_finish, future)
    except RuntimeError:
        # The loop was closed while a task waited, and nothing runs in it any more.
        if not loop.is_closed():
            raise


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class WaitingRegion(_native.Region):
    """What a region has for those who wait in it."""

    _waits: Waits
    # Locks between threads, by the names of maps, because a participant holds a map's mutex, and not a thread.
    _changes: dict[str, AbstractContextManager[bool]]


async def until(region: _native.Region, attempt: Callable[[], T | None], timeout: float | None, what: str) -> T:
    """Wait until `attempt`, which must not wait itself, returns something."""
    waits = cast(WaitingRegion, region)._waits
    result = attempt()
    loop = asyncio.get_running_loop()
    deadline = None if timeout is None else loop.time() + timeout
    while result is None:
        future = loop.create_future()
        # Before the attempt, so that what happens after that is not missed.
        waits.enter(region, future)
        try:
            result = attempt()
            if result is None:
                async with asyncio.timeout_at(deadline):
                    await future
        except TimeoutError:
            result = attempt()
            if result is None:
                raise DhmemError(
                    "DHMEM_TIMEOUT",
                    f"Waited {(timeout or 0) * 1000:g} ms for {what}; allow more time, or check that the other side is running",
                ) from None
        finally:
            waits.leave(future)
    return result
