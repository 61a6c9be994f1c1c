"""The error of the whole package, and what errors about arguments have in common."""

from __future__ import annotations

import sys
from typing import Literal, NoReturn

Code = Literal[
    "DHMEM_EXISTS",
    "DHMEM_NOT_FOUND",
    "DHMEM_PERMISSION",
    "DHMEM_NO_SPACE",
    "DHMEM_REGION_FULL",
    "DHMEM_FORMAT",
    "DHMEM_VERSION",
    "DHMEM_TYPE_MISMATCH",
    "DHMEM_BAD_HANDLE",
    "DHMEM_BAD_ARGUMENT",
    "DHMEM_DOUBLE_FREE",
    "DHMEM_ENDPOINT_TAKEN",
    "DHMEM_QUEUE_ENDED",
    "DHMEM_PEER_GONE",
    "DHMEM_MESSAGE_TOO_LARGE",
    "DHMEM_TIMEOUT",
    "DHMEM_CLOSED",
    "DHMEM_READ_ONLY",
    "DHMEM_TRUNCATED",
    "DHMEM_CORRUPT",
    "DHMEM_TOO_MANY_PARTICIPANTS",
    "DHMEM_UNSUPPORTED",
]


class DhmemError(Exception):
    """What went wrong, to what, and what to do. `code` is stable, and the same in all languages."""

    code: Code

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[DhmemError], tuple[Code, str]]:
        return type(self), (self.code, str(self))


DhmemError.__module__ = "dhmem"


def bad_argument(what: str, value: object, wanted: str) -> NoReturn:
    shown = repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:77]}…"
    raise DhmemError("DHMEM_BAD_ARGUMENT", f"{what} is {shown}; it must be {wanted}")


def check_platform() -> None:
    if not sys.platform.startswith("linux"):
        raise DhmemError("DHMEM_UNSUPPORTED", f"dhmem needs Linux, and this is {sys.platform}; run it in a container")
