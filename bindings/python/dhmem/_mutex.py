"""Mutual exclusion."""

from __future__ import annotations

from . import _native
from ._errors import DhmemError
from ._waiting import until


class Mutex(_native.Mutex):
    """Mutual exclusion between participants. From `Region.mutex()`.

    A participant holds it, and not a thread: threads that exclude one another open the region once each.
    """

    async def lock_async(self, *, timeout: float | None = None) -> _native.Held:
        """Lock as `lock()` does, and let the event loop run until the mutex is free."""
        try:
            return await until(self.region, self.try_lock, timeout, f"mutex {self.name}")
        except BaseException:
            self._stop_asking()
            raise

    def _stop_asking(self) -> None:
        """Give up the turn among those who wait."""
        try:
            self.lock(timeout=1e-6)._pass_on()
        except DhmemError:
            pass

    def __repr__(self) -> str:
        return f"<dhmem.Mutex {self.name!r}>"


Mutex.__module__ = "dhmem"
