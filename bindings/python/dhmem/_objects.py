"""Named objects with numbers: structs, arrays, vectors and maps."""

from __future__ import annotations

import math
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

from . import _native
from ._errors import bad_argument
from ._types import Layout, code_of, dtype_text, numpy_name, pack_number

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ._types import DType
    from ._waiting import WaitingRegion


class Array(_native.Memory):
    """A named array that all participants see at once. From `Region.array()`.

    `memoryview(array)` and `array.data` are its memory. Guard it with a mutex unless single numbers are enough.
    """

    @property
    def dtype(self) -> str:
        """Its dtype by numpy's name, such as "f8"."""
        return numpy_name(self._type.partition("[")[0])

    @property
    def shape(self) -> tuple[int, ...]:
        sizes = self._type.partition("[")[2].rstrip("]")
        return tuple(int(size) for size in sizes.split(",") if size)

    @property
    def data(self) -> npt.NDArray[Any]:
        """A numpy array over its memory."""
        import numpy

        if 0 in self.shape:
            return numpy.empty(self.shape, self.dtype)
        return numpy.frombuffer(memoryview(self), self.dtype).reshape(self.shape)

    def __repr__(self) -> str:
        return f"<dhmem.Array {self._type}>"


class Struct(_native.Memory):
    """A named struct whose fields are live: `params.a = 1.5`. From `Region.struct()`.

    Each access reads or writes the region; `params.step += 1` is two. Guard it with a mutex where that matters.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        layout = Layout.parse(self._type)
        fields = {
            name: (slice(at, at + struct.calcsize(layout.codes[name])), layout.codes[name])
            for name, at in layout.offsets.items()
        }
        object.__setattr__(self, "_fields", fields)

    def __getattr__(self, name: str) -> Any:
        return self._view(name)[0]

    def __setattr__(self, name: str, value: float) -> None:
        self._view(name)[0] = value

    def _view(self, name: str) -> memoryview[Any]:
        """Return a field's memory. It is looked up at each access, because the struct may have been removed."""
        fields: dict[str, tuple[slice, Any]] = object.__getattribute__(self, "_fields")
        if name not in fields:
            raise AttributeError(f"the struct has no field {name!r}; it has {', '.join(fields)}")
        place, code = fields[name]
        return memoryview(self)[place].cast(code)

    def __repr__(self) -> str:
        return f"<dhmem.Struct {self._type}>"


class Vector(_native.Vector):
    """A named sequence of numbers that grows. From `Region.vector()`.

    It has a mutex of its own, so changes wait for one another. Reading never waits, and gives copies.
    """

    @property
    def dtype(self) -> str:
        """Its dtype by numpy's name, such as "f8"."""
        return numpy_name(self._dtype)

    def append(self, value: float) -> None:
        self.extend([value])

    def extend(self, values: Iterable[float]) -> None:
        """Append all values in one step."""
        numbers = list(values)
        code = code_of(self._dtype)
        try:
            data = struct.pack(f"{len(numbers)}{code}", *numbers)
        except (struct.error, OverflowError):
            data = b"".join(pack_number(code, number) for number in numbers)
        self._append(data, struct.calcsize(code))

    def pop(self) -> Any:
        """Remove the last number and return it. IndexError if there is none."""
        last = self._pop()
        if last is None:
            raise IndexError("pop from an empty vector")
        return struct.unpack_from(code_of(self._dtype), last)[0]

    def array(self) -> npt.NDArray[Any]:
        """Return a copy as a numpy array."""
        import numpy

        return numpy.frombuffer(self._bytes(0, len(self)), self.dtype).copy()

    def __getitem__(self, index: int) -> Any:
        data = self._bytes(self._index(index), 1)
        if not data:
            raise IndexError("the index is outside of the vector")
        return struct.unpack(code_of(self._dtype), data)[0]

    def __setitem__(self, index: int, value: float) -> None:
        code = code_of(self._dtype)
        self._write(self._index(index), pack_number(code, value), struct.calcsize(code))

    def __iter__(self) -> Iterator[Any]:
        code = code_of(self._dtype)
        return (number for (number,) in struct.iter_unpack(code, self._bytes(0, len(self))))

    def __repr__(self) -> str:
        return f"<dhmem.Vector {self.name!r} of {self.dtype}>"

    def _bytes(self, first: int, count: int) -> bytes:
        return self._read(first, count, struct.calcsize(code_of(self._dtype)))

    def _index(self, index: int) -> int:
        length = len(self)
        at = index + length if index < 0 else index
        if not 0 <= at < length:
            raise IndexError("the index is outside of the vector")
        return at


class Map(_native.Map, MutableMapping[Any, Any]):
    """A named hash map, used like a dict. From `Region.map()`.

    It has a mutex of its own, so changes wait for one another; each is atomic, even if its process dies. Values are
    copies. Structs are dicts of their fields.
    """

    def __getitem__(self, key: Any) -> Any:
        data = self._get(_packed(self._key_type, key))
        if data is None:
            raise KeyError(key)
        return _unpacked(self._value_type, data)

    def __setitem__(self, key: Any, value: Any) -> None:
        data = _packed(self._value_type, value)
        with self._changing():
            self._set(_packed(self._key_type, key), data)

    def __delitem__(self, key: Any) -> None:
        with self._changing():
            if not self._delete(_packed(self._key_type, key)):
                raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return self._get(_packed(self._key_type, key)) is not None

    def __iter__(self) -> Iterator[Any]:
        return iter([_unpacked(self._key_type, key) for key, _ in self._entries()])

    def change(self, key: Any, function: Callable[[Any], Any]) -> Any:
        """Replace the value by `function(value)`, or by `function(None)` if there is none, and return the new one.

        No other participant or thread changes the map in between.
        """
        with self._changing():
            self._lock()
            try:
                self[key] = value = function(self.get(key))
                return value
            finally:
                self._unlock()

    def _changing(self) -> AbstractContextManager[bool]:
        # A forked child may have inherited the lock from a thread that it does not have.
        self.region._check()
        return cast("WaitingRegion", self.region)._changes.setdefault(self.name, threading.RLock())

    def __repr__(self) -> str:
        return f"<dhmem.Map {self.name!r} from {self._key_type} to {self._value_type}>"


def array_text(dtype: DType, shape: int | Sequence[int]) -> str:
    sizes = [shape] if isinstance(shape, int) else list(shape)
    if any(not isinstance(size, int) or size < 0 for size in sizes) or math.prod(sizes) < 0:
        bad_argument("shape", shape, "a whole number, 0 or more, for each dimension")
    return f"{dtype_text('dtype', dtype)}[{','.join(str(size) for size in sizes)}]"


def entry_text(what: str, kind: DType | Mapping[str, DType]) -> str:
    """The text of a map's key or value."""
    if isinstance(kind, Mapping):
        return Layout.of(what, cast("Mapping[str, DType]", kind)).text
    if isinstance(kind, str) and kind in ("string", "bytes"):
        return kind
    return dtype_text(what, kind)


def _packed(text: str, value: Any) -> bytes:
    if text == "string":
        if not isinstance(value, str):
            raise TypeError(f"it must be a str, not {type(value).__name__}")
        return value.encode()
    if text == "bytes":
        return bytes(memoryview(value))
    return Layout.parse(text).pack(value) if text[0] == "{" else pack_number(code_of(text), value)


def _unpacked(text: str, data: bytes) -> Any:
    if text == "string":
        return data.decode(errors="replace")
    if text == "bytes":
        return data
    return Layout.parse(text).unpack(data) if text[0] == "{" else struct.unpack(code_of(text), data)[0]


for _class in (Array, Struct, Vector, Map):
    _class.__module__ = "dhmem"
