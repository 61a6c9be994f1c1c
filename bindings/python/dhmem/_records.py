"""Queues of records: numbers, or structs of numbers, that all have one type."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, MutableSequence
from typing import TYPE_CHECKING, Any, cast

from . import _native
from ._errors import bad_argument
from ._sizes import check_count
from ._types import Layout, code_of, dtype_text, numpy_name, pack_number
from ._waiting import Timeout, until

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Buffer

    from ._types import DType

    # Memory with a record behind another: a numpy array, or anything else with a buffer.
    Records = Buffer | npt.NDArray[Any]


class RecordType:
    """How records look in the region, in Python, and in numpy."""

    def __init__(self, record: DType | Mapping[str, DType]) -> None:
        is_struct = isinstance(record, Mapping)
        self._layout = Layout.of("record", cast("Mapping[str, DType]", record)) if is_struct else None
        self.text = dtype_text("record", cast("DType", record)) if self._layout is None else self._layout.text
        self._code = code_of(self.text) if self._layout is None else ""

    @property
    def numpy(self) -> Any:
        """What numpy.dtype() takes."""
        return numpy_name(self.text) if self._layout is None else self._layout.numpy()

    def pack(self, value: Any) -> bytes:
        return pack_number(self._code, value) if self._layout is None else self._layout.pack(value)

    def unpack(self, data: bytes) -> Any:
        return struct.unpack(self._code, data)[0] if self._layout is None else self._layout.unpack(data)

    def check(self, values: Any) -> None:
        """Refuse memory with elements of another type."""
        dtype = getattr(values, "dtype", None)
        if dtype is not None:
            import numpy

            if dtype != numpy.dtype(self.numpy):
                bad_argument("The values' dtype", dtype, f"{numpy.dtype(self.numpy)!r}, as the queue's records have")
        elif self._layout is None and not _is_of(memoryview(values).format, self._code):
            bad_argument("The values' format", memoryview(values).format, f"that of {self.numpy}")


def _is_of(format: str, code: str) -> bool:
    """Whether two codes of the module struct mean the same numbers: several integers may have one size."""
    kinds = ("bhilq", "BHILQ", "fd")
    is_like = any(format in kind and code in kind for kind in kinds)
    return is_like and struct.calcsize(format) == struct.calcsize(code)


class RecordQueue:
    """A queue of records with one producer and one consumer, in any two processes. From `Region.queue(name, record=…)`.

        samples = region.queue("samples", record="f8").producer()
        samples.push(0.5)
        samples.push_many(numpy.zeros(100))

    Structs are dicts of their fields, or elements of a numpy array of `dtype`.
    """

    def __init__(
        self, region: _native.Region, name: str, record: DType | Mapping[str, DType], capacity: int | None
    ) -> None:
        self.name = name
        self._region = region
        self._type = RecordType(record)
        self._capacity = 0 if capacity is None else check_count("capacity", capacity)

    @property
    def dtype(self) -> Any:
        """The type of its records, for numpy."""
        return self._type.numpy

    def producer(self, *, timeout: float | None = None, patient: bool = False) -> RecordProducer:
        """Become the producer. DHMEM_ENDPOINT_TAKEN if there is one already. Options as of `Queue.producer()`."""
        return RecordProducer(self._type, **self._options(timeout, patient))

    def consumer(self, *, timeout: float | None = None, patient: bool = False) -> RecordConsumer:
        """Become the consumer. DHMEM_ENDPOINT_TAKEN if there is one already. Options as of `Queue.producer()`."""
        return RecordConsumer(self._type, **self._options(timeout, patient))

    def _options(self, timeout: float | None, patient: bool) -> Any:
        return {
            "region": self._region,
            "queue": self.name,
            "type": self._type.text,
            "capacity": self._capacity,
            "patient": patient,
            "timeout": timeout,
        }

    def __repr__(self) -> str:
        return f"<dhmem.RecordQueue {self.name!r} in {self._region.path}>"


class RecordProducer(_native.RecordProducer):
    """The pushing end of a queue of records. From `RecordQueue.producer()`.

    Only `wait()` and `wait_async()` wait.
    """

    def __init__(self, record: RecordType, **options: Any) -> None:
        super().__init__(**options)
        self._record = record

    def push(self, value: Any) -> bool:
        """Add a record: a number, or a mapping of a struct's fields. False if there is no room now."""
        return self._push(self._record.pack(value)) == 1

    def push_many(self, values: Records | Iterable[Any]) -> int:
        """Add as many records as there is room for, from the first on, and return their number.

        `values` is a numpy array of the queue's `dtype`, other memory of that type, or a list of what `push()` takes.
        """
        if isinstance(values, (list, tuple)):
            return self._push(b"".join(map(self._record.pack, values)))
        self._record.check(values)
        return self._push(values)

    async def wait_async(self, *, timeout: Timeout = ...) -> bool:
        """Wait as `wait()` does, and let the event loop run meanwhile."""
        return await _wait(self, timeout, "room in")

    def __repr__(self) -> str:
        return f"<dhmem.RecordProducer of {self.name!r}>"


class RecordConsumer(_native.RecordConsumer):
    """The popping end of a queue of records. From `RecordQueue.consumer()`.

        while samples.wait():
            count = samples.pop_into(array)

    Only `wait()` and `wait_async()` wait. They return False at the end of the stream.
    """

    def __init__(self, record: RecordType, **options: Any) -> None:
        super().__init__(**options)
        self._record = record

    def pop(self) -> Any:
        """Take the next record, a number or a dict of a struct's fields. None if there is none now."""
        data = self._pop()
        return None if data is None else self._record.unpack(data)

    def pop_into(self, values: Records | MutableSequence[float]) -> int:
        """Take as many records as are there and fit, to the beginning of an array, and return their number.

        `values` is a numpy array of the queue's `dtype`, or other memory of that type.
        """
        self._record.check(values)
        return self._pop_into(values)

    async def wait_async(self, *, timeout: Timeout = ...) -> bool:
        """Wait as `wait()` does, and let the event loop run meanwhile."""
        return await _wait(self, timeout, "a record from")

    def __repr__(self) -> str:
        return f"<dhmem.RecordConsumer of {self.name!r}>"


async def _wait(end: RecordProducer | RecordConsumer, timeout: Timeout, what: str) -> bool:
    limit = end.timeout if timeout is ... else timeout
    return await until(end.region, lambda: end._try_wait(), limit, f"{what} queue {end.name}")


for _class in (RecordQueue, RecordProducer, RecordConsumer):
    _class.__module__ = "dhmem"
