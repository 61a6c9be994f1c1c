"""Memory that processes share, also across containers: regions, queues, blocks, numbers and mutexes.

    import dhmem

    with dhmem.Region("climate") as region:
        for message in region.queue("steps").consumer():
            print(message.text())

A region is a file in /dev/shm. Programs in Python, TypeScript and C open it by its name, in any order. When a process
dies, the others go on: what it had is freed, and what it had locked is unlocked.

Times are in seconds. Every error is a DhmemError; its `code` says which, and its text says what to do.
"""

from ._errors import DhmemError, check_platform

check_platform()

from ._condition import Condition
from ._mutex import Mutex
from ._native import Block, Held, Message, Reservation
from ._objects import Array, Map, Struct, Vector
from ._queue import Consumer, Producer, Queue
from ._records import RecordConsumer, RecordProducer, RecordQueue
from ._region import Region, unlink
from ._sizes import Size

__version__ = "0.1.0"

__all__ = [
    "Array",
    "Block",
    "Condition",
    "Consumer",
    "DhmemError",
    "Held",
    "Map",
    "Message",
    "Mutex",
    "Producer",
    "Queue",
    "RecordConsumer",
    "RecordProducer",
    "RecordQueue",
    "Region",
    "Reservation",
    "Size",
    "Struct",
    "Vector",
    "unlink",
]
