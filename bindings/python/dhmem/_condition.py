"""Waiting until something has changed that a mutex guards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from . import _native
from ._errors import DhmemError
from ._waiting import until as wait_until


class Condition(_native.Condition):
    """Waiting until something has changed that a mutex guards. From `Region.condition()`."""

    async def wait_async(
        self, held: _native.Held, until: Callable[[], object], *, timeout: float | None = None
    ) -> None:
        """Wait as `wait()` does, and let the event loop run meanwhile.

        The mutex is held again afterwards, also after an exception and when the task is cancelled.

            with await region.mutex("turn").lock_async() as held:
                await region.condition("changed").wait_async(held, lambda: params.step > 10)
        """
        if self._look(held, until):
            return
        sleep = _Sleep(self, held, until)
        try:
            sleep.begin()
            await wait_until(self.region, sleep.look_again, timeout, f"condition {self.name}")
        except BaseException as error:
            cancelled = await sleep.end()
            is_late = isinstance(error, DhmemError) and error.code == "DHMEM_TIMEOUT" and not sleep.has_failed
            # What it waits for may have come while it waited for the mutex alone.
            if is_late and cancelled is None and self._look(held, until):
                return
            self._stop_asking(held)
            if cancelled is not None:
                raise cancelled
            raise

    def _stop_asking(self, held: _native.Held) -> None:
        """Give up the turn among those who wait."""
        try:
            self._look(held, lambda: True)
        except DhmemError:
            pass

    def __repr__(self) -> str:
        return f"<dhmem.Condition {self.name!r}>"


class _Sleep:
    """A wait without the mutex, which is locked only to look."""

    def __init__(self, condition: Condition, held: _native.Held, until: Callable[[], object]) -> None:
        self._condition = condition
        self._held = held
        self._until = until
        self._is_held = True
        # Whether `until` has raised something.
        self.has_failed = False

    def begin(self) -> None:
        self._held.unlock()
        self._is_held = False

    def look_again(self) -> Literal[True] | None:
        if not self._lock():
            return None
        try:
            if self._condition._look(self._held, self._until):
                return True
        except BaseException:
            self.has_failed = True
            raise
        # If its holder died, nobody has been told of that yet.
        self._held._pass_on()
        self._is_held = False
        return None

    async def end(self) -> asyncio.CancelledError | None:
        """Lock the mutex, however long that takes, and return what would have ended that."""
        cancelled: asyncio.CancelledError | None = None
        while not self._is_held:
            try:
                await wait_until(self._condition.region, self._lock, None, "a mutex")
            except asyncio.CancelledError as error:
                cancelled = error
        return cancelled

    def _lock(self) -> Literal[True] | None:
        self._is_held = self._is_held or self._held._lock_again()
        return self._is_held or None


Condition.__module__ = "dhmem"
