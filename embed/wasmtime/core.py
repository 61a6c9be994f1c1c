"""The core in wasmtime: its exports over a shared memory, and the numbers of its layout."""

import ctypes
import re
from pathlib import Path

from wasmtime import Config, Engine, Instance, Limits, MemoryType, Module, SharedMemory, Store, Trap
from wasmtime import _ffi as ffi

PAGE = 65536
DISTRIBUTION = Path(__file__).parents[2]

# `layout.STATUS_OK`, `layout.SLOT_RESULT` and so on, from the C header: constants are never copied.
_constants = re.findall(
    r"^#define CORE_(\w+) (0x[0-9a-f]+|\d+)u", (DISTRIBUTION / "assembly/layout.h").read_text(), re.MULTILINE
)
layout = type("layout", (), {name: int(value, 0) for name, value in _constants})

# Python has no atomic accesses, so a second module over the same memory has them, and what would be slow in Python.
_HELPER = """(module
  (import "env" "memory" (memory {pages} {pages} shared))
  (func (export "load") (param i32) (result i32) (i32.atomic.load (local.get 0)))
  (func (export "or") (param i32 i32) (drop (i32.atomic.rmw.or (local.get 0) (local.get 1))))
  (func (export "hash") (result i32) (local $at i32) (local $hash i32)
    (local.set $hash (i32.const 0x811c9dc5))
    (loop $next
      (local.set $hash (i32.mul (i32.xor (local.get $hash) (i32.load (local.get $at))) (i32.const 0x01000193)))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const {bytes}))))
    (local.get $hash)))"""


def _u32(value):
    """Python's wasmtime takes and returns i32 as signed; the core means unsigned."""
    return value & 0xFFFFFFFF


def _i32(value):
    return value - (1 << 32) if value >= 1 << 31 else value


class ImportableMemory(SharedMemory):
    """Up to version 50, wasmtime's own class can't be imported by a module: it wraps its pointer twice."""

    def _as_extern(self):
        return ffi.wasmtime_extern_t(
            ffi.WASMTIME_EXTERN_SHAREDMEMORY, ffi.wasmtime_extern_union(sharedmemory=self.ptr())
        )


class Core:
    """The core over a memory of so many pages, all zero at first. `bytes` is that memory."""

    def __init__(self, pages):
        config = Config()
        config.wasm_threads = True
        config.shared_memory = True
        # Checks of bounds in code: no signal handlers in this process, and a trap outside the memory is a trap.
        config.signals_based_traps = False
        engine = Engine(config)
        self._store = Store(engine)
        self._memory = ImportableMemory(engine, MemoryType(Limits(pages, pages), shared=True))
        self.address = ctypes.addressof(self._memory.data_ptr().contents)
        self.bytes = memoryview((ctypes.c_ubyte * (pages * PAGE)).from_address(self.address)).cast("B")
        wasm = Module.from_file(engine, str(DISTRIBUTION / "dist/core.wasm"))
        self._exports = Instance(self._store, wasm, [self._memory]).exports(self._store)
        helper = Module(engine, _HELPER.format(pages=pages, bytes=pages * PAGE))
        self._helper = Instance(self._store, helper, [self._memory]).exports(self._store)

    def call(self, name, *parameters):
        """The result of an export: unsigned, a float, or None. A trap raises wasmtime.Trap."""
        result = self._exports[name](self._store, *map(_i32, parameters))
        return _u32(result) if isinstance(result, int) else result

    def word(self, offset):
        """A plain access, which is enough for words that only this participant writes."""
        return int.from_bytes(self.bytes[offset : offset + 4], "little")

    def load(self, offset):
        """An atomic access, for words that others write."""
        return _u32(self._helper["load"](self._store, _i32(offset)))

    def set_bits(self, offset, bits):
        self._helper["or"](self._store, _i32(offset), _i32(bits))

    def hash(self):
        """FNV-1a over the words of the whole memory."""
        return _u32(self._helper["hash"](self._store))


__all__ = ["Core", "PAGE", "Trap", "layout"]
