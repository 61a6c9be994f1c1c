"""numpy arrays over the region."""

from __future__ import annotations

import unittest

import dhmem
import numpy as np
from fixture import RegionTest


class Arrays(RegionTest):
    def test_an_array_is_the_region_itself(self) -> None:
        producer, consumer = self.ends()
        block = self.region.allocate(8000)
        array = block.array(np.float64)
        array[:] = np.arange(1000)
        self.assertEqual(array.ctypes.data % 64, 0)
        self.assertEqual(np.frombuffer(block, "f8").ctypes.data, array.ctypes.data)
        address = array.ctypes.data
        del array
        producer.send(np.arange(3.0), block=block)
        for message in consumer:
            values = message.array("f8")
            assert message.block is not None
            field = message.block.array("f8")
            self.assertEqual(values.tolist(), [0, 1, 2])
            self.assertEqual(field.sum(), 499500)
            # In one process and one mapping, it is even the same address.
            self.assertEqual(field.ctypes.data, address)
            producer.end()
        # The views are still good: the message is released when they are gone.
        self.assertEqual(field.sum(), 499500)
        with producer_of(self.region) as again, again.reserve(24) as room:
            room.array("f8")[:] = values

    def test_a_block_of_1_gb_needs_no_copy(self) -> None:
        with dhmem.Region.temporary(size="2GiB") as region:
            block = region.allocate(1 << 30)
            array = np.frombuffer(block, np.uint8)
            with memoryview(block) as view:
                address = np.frombuffer(view, np.uint8).ctypes.data
            array[-1] = 7
            print(f"1 GB at {address:#x}, as an array at {array.ctypes.data:#x}")
            self.assertEqual(array.ctypes.data, address)
            self.assertEqual(memoryview(block)[-1], 7)
            del array


def producer_of(region: dhmem.Region) -> dhmem.Producer:
    return region.queue("again").producer()


if __name__ == "__main__":
    unittest.main()
