"""A participant in a region that a program with the library has made. The numbered duties are those of docs/core-abi.md."""

import ctypes
import fcntl
import mmap
import os
import stat
import struct
import time

from core import PAGE, Core, layout

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
_libc.syscall.restype = ctypes.c_long

_MAP_FIXED, _MAP_NORESERVE, _FALLOC_FL_KEEP_SIZE = 0x10, 0x4000, 1
_OFD_GETLK, _OFD_SETLK, _OFD_SETLKW = 36, 37, 38
_FUTEX_WAIT, _FUTEX_WAKE = 0, 1
_SYS_FUTEX = {"x86_64": 202, "aarch64": 98}[os.uname().machine]
_LOCKS, _JOIN, _READERS = 1 << 40, 1024, 4096
_SLICE = 0.05
_SPINS = 100


class RegionError(Exception):
    """The region, or its state, is not what this program can use."""


class Region:
    """Opens the region NAME of $DHMEM_DIR, or of /dev/shm. Leaves it at the end of `with`."""

    def __init__(self, name):
        self.path = os.path.join(os.environ.get("DHMEM_DIR", "/dev/shm"), f"{name}.dhmem")
        self._file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        # Locks belong to an open file description of their own: a mapping would keep that of its file alive (duty 1).
        self._locks = os.open(f"/proc/self/fd/{self._file}", os.O_RDWR | os.O_CLOEXEC)
        self._check_file()
        self.core = Core(self.pages + 1)
        self._map(self._file, mmap.MAP_SHARED)
        self._pipes = {}
        self.me = self._join()
        self.recover_the_dead()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()

    # Opening and leaving.

    def _check_file(self):
        head = os.pread(self._file, layout.HEADER_BYTES, 0)
        word = lambda offset: struct.unpack_from("<I", head.ljust(layout.HEADER_BYTES, b"\0"), offset)[0]
        if (word(layout.HEADER_MAGIC), word(layout.HEADER_MAGIC + 4)) != (layout.MAGIC_LOW, layout.MAGIC_HIGH):
            raise RegionError(f"{self.path} is no region")
        if word(layout.HEADER_VERSION) != layout.LAYOUT_VERSION:
            raise RegionError(f"{self.path} has layout {word(layout.HEADER_VERSION)}, not {layout.LAYOUT_VERSION}")
        if word(layout.HEADER_FEATURES_ALL) or word(layout.HEADER_FEATURES_WRITE) or word(layout.HEADER_BULK_SPANS):
            raise RegionError(f"{self.path} has features that this program does not know")
        self.pages = word(layout.HEADER_SPANS)
        status = os.fstat(self._file)
        tables = [word(offset) for offset in range(layout.HEADER_BUSY, layout.HEADER_BUCKETS + 4, 4)]
        first = layout.SLOTS_START + layout.SLOTS * layout.SLOT_BYTES
        if status.st_size != self.pages * PAGE or tables != sorted(tables) or tables[0] < first:
            raise RegionError(f"{self.path} has a corrupted header")
        if status.st_uid not in (os.getuid(), 0):
            raise RegionError(f"{self.path} belongs to another user")
        self._last_close = word(layout.HEADER_LIFETIME) == layout.LIFETIME_LAST_CLOSE

    def _map(self, file, flags):
        size = self.pages * PAGE
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        flags |= _MAP_FIXED | _MAP_NORESERVE
        if _libc.mmap(self.core.address, size, protection, flags, file, 0) != self.core.address:
            raise OSError(ctypes.get_errno(), f"{self.path} can't be mapped")

    def _has_the_name(self):
        try:
            named, ours = os.stat(self.path), os.fstat(self._file)
        except FileNotFoundError:
            return False
        return (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)

    def _lock(self, command, byte, kind=fcntl.F_WRLCK):
        """The kind of the lock that stands in the way, or F_UNLCK. Raises BlockingIOError if it can't be set."""
        lock = struct.pack("hhqqi4x", kind, os.SEEK_SET, _LOCKS + byte, 1, 0)
        return struct.unpack_from("h", fcntl.fcntl(self._locks, command, lock))[0]

    def _join(self):
        self._lock(_OFD_SETLKW, _JOIN)
        try:
            if not self._has_the_name():
                raise RegionError(f"{self.path} was removed or replaced")
            if self._last_close and not any(map(self.is_alive, range(layout.SLOTS))):
                raise RegionError(f"{self.path} is abandoned: its last participant was killed")
            slots = range(layout.SLOTS)
            for slot in sorted(slots, key=lambda slot: self.core.load(self._at(slot, layout.SLOT_ID)) != 0):
                try:
                    self._lock(_OFD_SETLK, slot)
                except BlockingIOError:
                    continue
                return self._take(slot)
            raise RegionError(f"{self.path} has {layout.SLOTS} participants already")
        finally:
            self._lock(_OFD_SETLK, _JOIN, fcntl.F_UNLCK)

    def _take(self, slot):
        self.slot = slot
        touched = self.core.word(layout.HEADER_TOUCHED_BYTES)
        if not self._commit(self.core.word(layout.HEADER_TOUCHED) + slot * touched, touched):
            raise RegionError(f"There is no space left for {self.path}")
        if self.core.load(self._at(slot, layout.SLOT_ID)):
            self._recover(slot)
        for word in (layout.SLOT_SLEEP, layout.SLOT_PIPE, layout.SLOT_PIPE + 4):
            self.write(self._at(slot, word), bytes(4))
        self.write(self._at(slot, layout.SLOT_LABEL), b"wasmtime\0")
        return self.expect(self.core.call("join", slot))

    def leave(self):
        if self._last_close:
            self._lock(_OFD_SETLKW, _JOIN)
        self._recover(self.slot)
        self._lock(_OFD_SETLK, self.slot, fcntl.F_UNLCK)
        if self._last_close and self._has_the_name():
            alive = any(self._lock(_OFD_GETLK, slot) != fcntl.F_UNLCK for slot in range(layout.SLOTS))
            if not alive and self._lock(_OFD_GETLK, _READERS) == fcntl.F_UNLCK:
                os.unlink(self.path)
        # Views that were kept see zeros, and stay valid memory (duty 11).
        self._map(-1, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for file in (self._locks, self._file, *self._pipes.values()):
            os.close(file)

    # Memory.

    def _at(self, slot, field):
        return layout.SLOTS_START + slot * layout.SLOT_BYTES + field

    def read(self, offset, length):
        return bytes(self.core.bytes[offset : offset + length])

    def write(self, offset, data):
        self.core.bytes[offset : offset + len(data)] = data

    def result(self, field):
        """A word of this participant's slot that a call has left there."""
        return self.core.word(self._at(self.slot, field))

    def in_own_page(self, data):
        """The offset of these bytes in the page behind the region, which belongs to this process."""
        self.write(self.pages * PAGE, data)
        return self.pages * PAGE

    def view(self, offset, length):
        """Bytes of the region without a copy. A hostile peer may have written the offset and length (duty 7)."""
        if offset + length > self.pages * PAGE:
            raise RegionError(f"{self.path} is corrupted")
        return self.core.bytes[offset : offset + length]

    def allocate(self, length):
        """A block of at least so many bytes; its bytes are old ones."""
        for _ in range(1000):
            block = self.core.call("allocate", self.me, length)
            if block != layout.NEED_COMMIT:
                return self.expect(block)
            request = [self.result(layout.SLOT_REQUEST_OFFSET + 4 * index) for index in range(4)]
            if self._commit(*request[:2]) and self._commit(*request[2:]):
                self.core.call("committed", self.me)
            else:
                self.core.call("cancel", self.me)
                raise RegionError(f"There is no space left for {self.path}")
        raise RegionError(f"{self.path} is corrupted")

    def _commit(self, offset, length):
        """Duty 2: makes sure that the pages exist, so that a full file system is no SIGBUS later."""
        return length == 0 or _libc.fallocate(self._file, _FALLOC_FL_KEEP_SIZE, offset, length) == 0

    def expect(self, result):
        """The result of a call that returns an offset; an error if it is a status."""
        if result >= layout.STATUS_LIMIT:
            return result
        raise RegionError(f"The core answered {result}; docs/core-abi.md lists the statuses")

    # Others: whether they live, waking them, and waiting for them.

    def is_alive(self, slot):
        if slot == getattr(self, "slot", None):
            return True
        return self._lock(_OFD_GETLK, slot, fcntl.F_RDLCK) != fcntl.F_UNLCK

    def _recover(self, slot):
        while self.core.call("recover", slot) == layout.MORE:
            pass

    def recover_the_dead(self):
        """Duty 5."""
        for slot in range(layout.SLOTS):
            if self.core.load(self._at(slot, layout.SLOT_ID)) == 0 or self.is_alive(slot):
                continue
            try:
                self._lock(_OFD_SETLK, slot)
            except BlockingIOError:
                continue
            self._recover(slot)
            for other in range(layout.SLOTS):
                if self.core.load(self._at(other, layout.SLOT_ID)):
                    self.wake(self._at(other, layout.SLOT_DOORBELL))
            self._lock(_OFD_SETLK, slot, fcntl.F_UNLCK)

    def wake(self, doorbell):
        """Duty 3, for the result of a call that returns a doorbell or OK."""
        if doorbell == layout.OK:
            return
        self.expect(doorbell)
        slot, field = divmod(doorbell - layout.SLOTS_START, layout.SLOT_BYTES)
        if field != layout.SLOT_DOORBELL or slot >= layout.SLOTS:
            raise RegionError(f"{self.path} is corrupted")
        sleep = self._at(slot, layout.SLOT_SLEEP)
        how = self.core.load(sleep)
        if how & layout.SLEEP_PIPE and not how & layout.SLEEP_UNREACHABLE:
            if not self._ring(slot):
                self.core.set_bits(sleep, layout.SLEEP_UNREACHABLE)
            elif not how & layout.SLEEP_FUTEX:
                return
        _libc.syscall(_SYS_FUTEX, ctypes.c_void_p(self.core.address + doorbell), _FUTEX_WAKE, 1 << 30, None, None, 0)

    def _ring(self, slot):
        """Python ignores SIGPIPE, so a pipe whose reader has gone is an error here."""
        low, high = (self.core.load(self._at(slot, layout.SLOT_PIPE + half)) for half in (0, 4))
        number = high << 32 | low
        try:
            if number not in self._pipes:
                path = os.path.join(os.path.dirname(self.path), f".dhmem-{number:016x}.bell")
                pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
                self._pipes[number] = pipe
                status = os.fstat(pipe)
                if not stat.S_ISFIFO(status.st_mode) or status.st_uid not in (os.getuid(), 0):
                    raise OSError("not a pipe of this user")
            os.write(self._pipes[number], b"!")
        except BlockingIOError:
            pass  # It is rung already.
        except OSError:
            if number in self._pipes:
                os.close(self._pipes.pop(number))
            return False
        return True

    def wait(self, announce, attempt, peer):
        """Duty 4. `attempt` returns None while there is nothing; `peer` the slot that this depends on, or None."""
        for _ in range(_SPINS):
            result = attempt()
            if result is not None:
                return result
        doorbell = self._at(self.slot, layout.SLOT_DOORBELL)
        nanoseconds = struct.pack("qq", 0, int(_SLICE * 1e9))
        while True:
            seen = self.core.load(doorbell)
            announce()
            result = attempt()
            if result is not None:
                return result
            address = ctypes.c_void_p(self.core.address + doorbell)
            _libc.syscall(_SYS_FUTEX, address, _FUTEX_WAIT, ctypes.c_uint(seen), nanoseconds, None, 0)
            if self.core.load(self._at(self.slot, layout.SLOT_ID)) != self.me:
                raise RegionError("Another participant has declared this one dead, or the file was truncated")
            slot = peer()
            if slot is not None and not self.is_alive(slot):
                self.recover_the_dead()
