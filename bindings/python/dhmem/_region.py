"""Regions, and what is found in them by name."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn, overload

from . import _native
from ._condition import Condition
from ._errors import bad_argument
from ._mutex import Mutex
from ._objects import Array, Map, Struct, Vector, array_text, entry_text
from ._queue import Policy, Queue
from ._records import RecordQueue
from ._sizes import Size, parse_size
from ._types import Layout, dtype_text
from ._waiting import WaitingRegion, Waits

if TYPE_CHECKING:
    from ._types import DType

Mode = Literal["open-or-create", "create", "open", "force-create", "read-only"]
Lifetime = Literal["persistent", "last-close"]
Directory = str | os.PathLike[str]

_MODES = {"open-or-create": 0, "create": 1, "open": 2, "force-create": 3, "read-only": 4}
_LIFETIMES = {"persistent": 0, "last-close": 1}


class Region(WaitingRegion):
    """Memory that processes share, also across containers: a file in /dev/shm, which all open by its name.

        with dhmem.Region("climate", size="1GiB") as region:
            steps = region.queue("steps").producer()
            steps.send("step 1")

    `mode`: "open-or-create", "create" (it must be new), "open" (it must exist), "force-create" (it replaces one that
    exists), or "read-only" (structs, arrays, vectors, maps and tokens can be read, and nothing changed). `size`: how large
    it may grow, in bytes or as "64MiB", up to "16TiB"; by default 4 GiB, which is address space and not memory. A block,
    message or array has less than 4 GiB in any region. `permissions`: the file's mode when it is
    created, by default 0o600. `directory`: the file's folder, by default $DHMEM_DIR, else /dev/shm. `lifetime`:
    "persistent", or "last-close" to remove the file after the last participant. `label`: what others see this participant
    as. `trust`: whose regions are accepted in a folder where anyone can create files; by default $DHMEM_TRUST, else
    "owner".

    Several threads may use a region and what was opened in it. A forked child can't: it opens the region again.
    """

    def __init__(
        self,
        name: str,
        *,
        mode: Mode = "open-or-create",
        size: Size | None = None,
        permissions: int = 0o600,
        directory: Directory | None = None,
        lifetime: Lifetime = "persistent",
        label: str | None = None,
        trust: str | None = None,
    ) -> None:
        self._waits = Waits()
        self._changes = {}
        if mode not in _MODES:
            bad_argument("mode", mode, f"one of {', '.join(_MODES)}")
        if lifetime not in _LIFETIMES:
            bad_argument("lifetime", lifetime, f"one of {', '.join(_LIFETIMES)}")
        super().__init__(
            name=check_name(name),
            mode=_MODES[mode],
            size=0 if size is None else parse_size("size", size),
            permissions=permissions,
            lifetime=_LIFETIMES[lifetime],
            directory=_folder(directory),
            label=label,
            trust=trust,
        )

    @classmethod
    def open(
        cls,
        name: str,
        *,
        mode: Mode = "open-or-create",
        size: Size | None = None,
        permissions: int = 0o600,
        directory: Directory | None = None,
        lifetime: Lifetime = "persistent",
        label: str | None = None,
        trust: str | None = None,
    ) -> Region:
        """The same as `Region(...)`, by the name that it has in TypeScript."""
        return cls(
            name,
            mode=mode,
            size=size,
            permissions=permissions,
            directory=directory,
            lifetime=lifetime,
            label=label,
            trust=trust,
        )

    @classmethod
    def temporary(cls, *, size: Size | None = None, directory: Directory | None = None) -> Region:
        """Open a region with a unique name, which is gone after its last participant: for tests and trials."""
        name = f"temporary-{secrets.token_hex(8)}"
        return cls(name, mode="create", size=size, directory=directory, lifetime="last-close")

    def close(self) -> None:
        """Leave the region, and free the blocks that this participant owns.

        Waits in other threads and tasks end with DHMEM_CLOSED. Views of the region that still exist read zeros.
        """
        self._waits.close()
        super().close()

    def __exit__(self, *args: object) -> None:
        self.close()

    @overload
    def queue(
        self, name: str, *, capacity: Size | None = None, policy: Policy = "block", keep: int | None = None
    ) -> Queue: ...

    @overload
    def queue(
        self, name: str, *, record: DType | Mapping[str, DType], capacity: int | None = None
    ) -> RecordQueue: ...

    def queue(
        self,
        name: str,
        *,
        record: DType | Mapping[str, DType] | None = None,
        capacity: Any = None,
        policy: Policy = "block",
        keep: int | None = None,
    ) -> Queue | RecordQueue:
        """Return the queue of this name. Opening one of its ends makes it.

        `capacity` is room for messages that are sent and not yet released, in bytes or as "8MiB": by default 1 MiB for
        a new queue. `policy` says what happens when the consumer is slower. "block": the producer waits. "drop-oldest":
        the queue has the last `keep` messages, by default 16. "latest": it has only the newest.

        With `record`, a dtype or the fields of a struct, it is a queue of such records, and `capacity` is their number:
        by default 4096 for a new queue.
        """
        self._check()
        if record is not None:
            if policy != "block" or keep is not None:
                bad_argument("policy", policy, "left out, and keep too, for a queue of records")
            return RecordQueue(self, name, record, capacity)
        return Queue(self, name, capacity, policy, keep)

    def struct(self, name: str, fields: Mapping[str, DType] | None = None) -> Struct:
        """Open or make a struct with live fields: `region.struct("params", {"a": "f8", "step": "u4"}).a = 1.5`.

        Without `fields` it must exist. A new one contains zeros.
        """
        text = None if fields is None else Layout.of("fields", fields).text
        return Struct(region=self, name=name, type=text, is_struct=True)

    def array(self, name: str, dtype: DType | None = None, shape: int | Sequence[int] | None = None) -> Array:
        """Open or make an array: `region.array("grid", "f8", (1000, 3)).data[:, 0] = 1`.

        Without `dtype` and `shape` it must exist. A new one contains zeros.
        """
        if (dtype is None) != (shape is None):
            bad_argument("shape" if shape is None else "dtype", None, "given together with the other")
        text = None if dtype is None or shape is None else array_text(dtype, shape)
        return Array(region=self, name=name, type=text, is_struct=False)

    def vector(self, name: str, dtype: DType | None = None) -> Vector:
        """Open or make a sequence of numbers that grows. Without `dtype` it must exist."""
        return Vector(region=self, name=name, dtype=None if dtype is None else dtype_text("dtype", dtype))

    def map(
        self, name: str, key: DType | None = None, value: DType | Mapping[str, DType] | None = None
    ) -> Map:
        """Open or make a hash map: `region.map("names", "string", "f8")["x"] = 1.5`. Without types it must exist.

        Keys are "string" or an integer dtype; values "string", "bytes", a dtype, or the fields of a struct.
        """
        if (key is None) != (value is None):
            bad_argument("value" if value is None else "key", None, "given together with the other")
        return Map(
            region=self,
            name=name,
            key=None if key is None else entry_text("key", key),
            value=None if value is None else entry_text("value", value),
        )

    def condition(self, name: str) -> Condition:
        """Open or make the condition of this name."""
        return Condition(region=self, name=name)

    def save(self, saved: _native.Block | Array | Struct | Vector) -> str:
        """Return a token of printable characters, under which any process finds it again by `load()`.

        A saved block belongs to the region from then on. BufferError while a view of it exists.
        """
        return saved._save()

    def load(self, token: str) -> _native.Block | Array | Struct | Vector:
        """Return what was saved under a token. DHMEM_BAD_HANDLE if it is gone, or was never a token of this region."""
        kind = self._token_kind(token)
        if kind == 0:
            return self._load_block(token)
        if kind == 3:
            return Struct(region=self, name="", token=token)
        if kind == 4:
            return Array(region=self, name="", token=token)
        return Vector(region=self, name="", token=token)

    def mutex(self, name: str) -> Mutex:
        """Open or make the mutex of this name."""
        return Mutex(region=self, name=name)

    def __repr__(self) -> str:
        return f"<dhmem.Region {self.path}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a Region can't be sent to another process; open {self.name!r} there by its name")


def unlink(name: str, *, directory: Directory | None = None) -> None:
    """Remove the file of the region `name`. Participants that have it open keep it."""
    _native.unlink(name=check_name(name), directory=_folder(directory))


def _folder(directory: Directory | None) -> bytes | None:
    """The bytes of its path, which need not be UTF-8."""
    if directory is None:
        return None
    folder = os.fsencode(directory)
    if b"\0" in folder:
        bad_argument("directory", directory, "a path without a zero character")
    return folder


def check_name(name: str) -> str:
    if not isinstance(name, str) or re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}", name) is None:
        bad_argument(
            "The region's name",
            name,
            '1 to 200 characters of A-Z a-z 0-9 . _ -, the first of them not "."; a folder goes into the argument directory',
        )
    return name


Region.__module__ = unlink.__module__ = "dhmem"
