"""What tests share."""

from __future__ import annotations

import subprocess
import sys
import unittest
from collections.abc import Iterator
from contextlib import contextmanager

import dhmem


class RegionTest(unittest.TestCase):
    """A test with a region of its own."""

    region: dhmem.Region

    def setUp(self) -> None:
        self.region = dhmem.Region.temporary(size="64MiB")
        self.addCleanup(self.region.close)

    def ends(self, name: str = "steps", capacity: dhmem.Size | None = None) -> tuple[dhmem.Producer, dhmem.Consumer]:
        """Both ends of a queue. No wait at the consumer is endless."""
        queue = self.region.queue(name, capacity=capacity)
        return queue.producer(timeout=60), queue.consumer(timeout=60)

    @contextmanager
    def fails(self, code: str, text: str = "") -> Iterator[None]:
        with self.assertRaises(dhmem.DhmemError) as caught:
            yield
        self.assertEqual(caught.exception.code, code)
        self.assertIn(text, str(caught.exception))


def python(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Run a program in another interpreter."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
