"""Types of numbers and of structs: numpy's names here, and dhmem's text of a type in the region."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._errors import bad_argument

if TYPE_CHECKING:
    import numpy.typing as npt

    # A dtype by its name in numpy ("f8", "float64", "u4"), or as an object of numpy's.
    DType = str | npt.DTypeLike

# dhmem's name, numpy's two, and the code of the module struct.
_NUMBERS = [
    ("i8", "i1", "int8", "b"),
    ("u8", "u1", "uint8", "B"),
    ("i16", "i2", "int16", "h"),
    ("u16", "u2", "uint16", "H"),
    ("i32", "i4", "int32", "i"),
    ("u32", "u4", "uint32", "I"),
    ("i64", "i8", "int64", "q"),
    ("u64", "u8", "uint64", "Q"),
    ("f32", "f4", "float32", "f"),
    ("f64", "f8", "float64", "d"),
]
_BY_NUMPY = {name: row[0] for row in _NUMBERS for name in row[1:3]}
_NUMPY = {row[0]: row[1] for row in _NUMBERS}
_CODES = {row[0]: row[3] for row in _NUMBERS}


def dtype_text(what: str, dtype: DType) -> str:
    """dhmem's name of a dtype. Numbers count bytes, as in numpy: "i8" has 64 bits."""
    name: Any = dtype
    if not isinstance(dtype, str):
        import numpy

        name = numpy.dtype(dtype).str.lstrip("<=|")
    if name not in _BY_NUMPY:
        bad_argument(what, dtype, f"one of {', '.join(row[1] for row in _NUMBERS)}, as in numpy")
    return _BY_NUMPY[name]


def numpy_name(text: str) -> str:
    return _NUMPY[text]


def code_of(text: str) -> str:
    """The format of the module struct for a number, of dhmem's name."""
    return _CODES[text]


def pack_number(code: str, value: Any, what: str = "The value") -> bytes:
    """The bytes of a number. `code` is its format, of the module struct."""
    try:
        return struct.pack(code, value)
    except (struct.error, OverflowError):
        names = {code: name for _, name, _, code in _NUMBERS}
        bad_argument(what, value, f"a number that {names[code]} can hold")


class Layout:
    """The fields of a struct, each aligned to its size, and all padded to a multiple of the largest."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.offsets: dict[str, int] = {}
        self.codes: dict[str, Any] = {}
        end = largest = 0
        for name, text in fields.items():
            size = struct.calcsize(_CODES[text])
            end = -(-end // size) * size
            self.offsets[name], self.codes[name] = end, _CODES[text]
            end += size
            largest = max(largest, size)
        self.size = -(-end // largest) * largest
        names = (name if re.fullmatch(r"[A-Za-z_$][A-Za-z0-9_$]*", name) else json.dumps(name, ensure_ascii=False) for name in fields)
        self.text = "{ " + ", ".join(f"{name}: {text}" for name, text in zip(names, fields.values())) + " }"

    @classmethod
    def of(cls, what: str, fields: Mapping[str, DType]) -> Layout:
        if not fields:
            bad_argument(what, fields, "fields and their dtypes")
        return cls({name: dtype_text(f"Field {name}", dtype) for name, dtype in fields.items()})

    @classmethod
    def parse(cls, text: str) -> Layout:
        """From the text in a region, which any program may have written."""
        field = r'\s*([A-Za-z_$][\w$]*|"(?:[^"\\]|\\.)*"): (\w+)\s*'
        if re.fullmatch(rf"\{{{field}(?:,{field})*\}}", text) is None:
            bad_argument("The struct's type", text, "fields and their dtypes")
        found = re.findall(field, text[1:-1])
        return cls({json.loads(name) if name[0] == '"' else name: dtype for name, dtype in found})

    def numpy(self) -> dict[str, Any]:
        """What numpy.dtype() takes for the same struct."""
        formats = {code: name for _, name, _, code in _NUMBERS}
        return {
            "names": list(self.offsets),
            "formats": [formats[code] for code in self.codes.values()],
            "offsets": list(self.offsets.values()),
            "itemsize": self.size,
        }

    def pack(self, values: Mapping[str, float]) -> bytes:
        data = bytearray(self.size)
        # An element of a numpy array is no mapping.
        names = list(values) if isinstance(values, Mapping) else list(getattr(getattr(values, "dtype", None), "names", None) or ())
        if set(names) != set(self.offsets):
            bad_argument("The value", values, f"a dict of the fields {', '.join(self.offsets)}")
        for name, offset in self.offsets.items():
            number = pack_number(self.codes[name], values[name], f"Field {name}")
            data[offset : offset + len(number)] = number
        return bytes(data)

    def unpack(self, data: bytes) -> dict[str, float]:
        return {name: struct.unpack_from(self.codes[name], data, at)[0] for name, at in self.offsets.items()}
