"""Numbers of bytes, also as text such as "64MiB"."""

from __future__ import annotations

import re

from ._errors import bad_argument

Size = int | str

_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}


def parse_size(what: str, size: Size) -> int:
    """Convert `size` to a positive number of bytes."""
    number = -1
    if isinstance(size, int):
        number = size
    elif isinstance(size, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", size)
        unit = _UNITS.get(match[2].lower()) if match else None
        if match and unit is not None:
            number = int(float(match[1]) * unit)
    if number <= 0:
        bad_argument(what, size, 'a positive number of bytes, or a string such as "64MiB" or "1.5 GB"')
    return number


def check_count(what: str, count: int) -> int:
    if not isinstance(count, int) or count < 1:
        bad_argument(what, count, "a whole number, 1 or more")
    return count
