"""Measures sending and receiving for scripts/measure-bindings.mjs, as bindings/c/bench/measure.c does."""

from __future__ import annotations

import os
import sys
from time import perf_counter_ns

import dhmem


def measure(producer: dhmem.Producer, consumer: dhmem.Consumer, count: int, data: bytes) -> tuple[int, int]:
    turns = range(count)
    start = perf_counter_ns()
    for _ in turns:
        producer.send(data)
    middle = perf_counter_ns()
    for _ in turns:
        consumer.receive().release()  # type: ignore[union-attr]
    return middle - start, perf_counter_ns() - middle


path, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
directory, name = os.path.split(path)
with dhmem.Region(name.removesuffix(".dhmem"), directory=directory, size="16MiB") as region:
    steps = region.queue("steps")
    with steps.producer() as producer, steps.consumer() as consumer:
        for _ in sys.stdin:
            print(*measure(producer, consumer, count, bytes(size)), flush=True)
