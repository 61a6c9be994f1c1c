#!/usr/bin/env python3
"""A participant in Python that a test drives by the commands of test/c/peer.c, and by lines of Python."""

from __future__ import annotations

import os
import signal
import struct
import sys
from typing import Any

import dhmem
from chaos import Chaos
from dhmem import _native
from dhmem._waiting import Waits

region: dhmem.Region
producers: dict[str, dhmem.Producer] = {}
consumers: dict[str, dhmem.Consumer] = {}
mutexes: dict[str, dhmem.Mutex] = {}
held: dict[str, dhmem.Held] = {}
objects: dict[str, Any] = {}
variables: dict[str, object] = {}
# Messages and blocks that are held.
kept: list[object] = []


def bytes_text(data: bytes) -> str:
    return f"{len(data)} times {data[0] if data else 0}" if data.count(data[:1]) >= len(data) else "mixed"


class RegionAt(dhmem.Region):
    """A region that is opened by its path, as the library for C allows it."""

    def __init__(self, path: str, label: str | None = None, *, mode: int = 0, size: int = 16 << 20) -> None:
        self._waits = Waits()
        self._changes = {}
        _native.Region.__init__(self, name=path, mode=mode, size=size, label=label)


def open_region(command: str, path: str, rest: str) -> str:
    global region
    if command == "open-as":
        region = RegionAt(path, mode=int(rest))
    elif command == "create":
        region = RegionAt(path, mode=1, size=int(rest) << 30)
    else:
        region = RegionAt(path, rest)
    return "open"


def open_end(command: str, name: str, capacity: str) -> str:
    queue = region.queue(name, capacity=int(capacity or 0) or None)
    if command == "producer":
        producers[name] = queue.producer()
    else:
        consumers[name] = queue.consumer()
    return command


def receive(how: str, name: str, milliseconds: str) -> str:
    message = consumers[name].receive(timeout=float(milliseconds) / 1000)
    if message is None:
        return "end"
    answer = bytes_text(bytes(message)) if len(message) > 100 else f"message {message.text()}"
    if message.block is not None:
        answer += f", block {bytes_text(bytes(message.block))}"
    if how == "receive":
        message.release()
    elif how == "take":
        message.take().free()
    else:
        kept.append(message)
    return answer


def send_block(name: str, length: int, byte: int, text: str) -> str:
    block = region.allocate(length)
    memoryview(block)[:] = bytes([byte]) * length
    producers[name].send(text, block=block)
    return "sent"


def reserve(name: str, text: str) -> str:
    data = text.encode()
    room = producers[name].reserve(len(data) + 5)
    memoryview(room)[: len(data)] = data
    room.commit(len(data))
    return "sent"


def count(name: str) -> str:
    lengths = [len(message) for message in consumers[name]]
    return f"{len(lengths)} messages, {sum(lengths)} bytes"


def lock(name: str, milliseconds: str) -> str:
    if name not in mutexes:
        mutexes[name] = region.mutex(name)
    held[name] = mutexes[name].lock(timeout=float(milliseconds) / 1000)
    return "abandoned" if held[name].abandoned else "locked"


def watch(name: str) -> str:
    """Add 1 to the number in the struct "state" whenever it looks, until that is below 0."""
    state = region.struct("state", {"step": "f8"})

    def is_over() -> bool:
        if state.step < 0:
            return True
        state.step += 1
        return False

    with region.mutex("turn").lock() as held:
        region.condition(name).wait(held, is_over)
        return "abandoned" if held.abandoned else "whole"


def use_object(command: str, name: str, rest: str) -> str | None:
    """Commands about other kinds, as far as the test of spoilt regions has them. None for another command."""
    if command in ("mail-producer", "mail-consumer"):
        queue = region.queue(name, policy="drop-oldest", keep=int(rest))
        if command == "mail-producer":
            producers[name] = queue.producer()
        else:
            consumers[name] = queue.consumer()
    elif command == "watch":
        return watch(name)
    elif command == "map":
        objects[name] = region.map(name, "string", "f8") if rest else region.map(name)
    elif command == "put":
        objects[name].change(rest.split()[0], lambda _: float(rest.split()[1]))
    elif command == "look":
        return str(objects[name].get(rest))
    elif command == "entries":
        return str(len(dict(objects[name])))
    elif command == "vector":
        objects[name] = region.vector(name, "f8" if rest else None)
    elif command == "append":
        objects[name].extend(range(int(rest.split()[1])))
    elif command == "sum":
        return str(sum(objects[name]))
    elif command == "array":
        size = rest.partition("[")[2].rstrip("]")
        objects[name] = region.array(name, "f8", int(size)) if size else region.array(name)
    elif command == "get":
        return f"{memoryview(objects[name]).cast('d')[int(rest)]:g}"
    elif command == "set":
        memoryview(objects[name]).cast("d")[int(rest.split()[0])] = float(rest.split()[1])
    elif command == "allocate":
        objects[name] = region.allocate(int(rest.split()[0]))
        memoryview(objects[name])[:] = bytes([int(rest.split()[1])]) * len(objects[name])
    elif command == "bytes":
        return bytes_text(bytes(objects[name]))
    elif command == "clone":
        objects[rest] = objects[name].clone()
    elif command == "free":
        objects[name].free()
    elif command == "save":
        return region.save(objects[name])
    elif command == "load-block":
        objects[name] = region.load(rest)
        return bytes_text(bytes(objects[name]))
    elif command == "free-saved":
        region.free_saved(name)
    elif command == "trim":
        region.trim()
    elif command == "remove":
        region.remove(name)
    else:
        return None
    return command


def names() -> dict[str, object]:
    """What lines of Python see."""
    variables.update(region=region, dhmem=dhmem)
    return variables


def answer(line: str) -> str:
    command, name, rest = (line.split(" ", 2) + ["", ""])[:3]
    if command in ("open", "open-as", "create"):
        return open_region(command, name, rest)
    if command == "close":
        region.close()
        return "closed"
    if command == "recover":
        return str(region.recover())
    if command in ("producer", "consumer"):
        return open_end(command, name, rest)
    if command == "leave":
        for ends in (producers, consumers):
            if name in ends:
                ends.pop(name).close()
        return "left"
    if command == "send":
        producers[name].send(rest)
        return "sent"
    if command == "reserve":
        return reserve(name, rest)
    if command in ("block", "large", "flood"):
        number, byte, text = (rest.split(" ", 2) + [""])[:3]
        if command == "block":
            return send_block(name, int(number), int(byte), text)
        if command == "large":
            producers[name].send(bytes([int(byte)]) * int(number))
        else:
            for _ in range(int(number)):
                producers[name].send(bytes(int(byte)))
        return "sent"
    if command == "end":
        producers[name].end()
        return "ended"
    if command in ("receive", "hold", "take"):
        return receive(command, name, rest)
    if command == "count":
        return count(name)
    if command == "lock":
        return lock(name, rest)
    if command == "unlock":
        held.pop(name).unlock()
        return "unlocked"
    if command == "eval":
        return str(eval(line.removeprefix("eval "), names()))
    if command == "exec":
        exec(line.removeprefix("exec "), names())
        return "done"
    if command == "chaos":
        return Chaos(region, int(name), int(rest)).exchange()
    if command == "patience":
        return "patient"
    if command == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return use_object(command, name, rest) or f"unknown command {command}"


for each in sys.stdin:
    try:
        print(answer(each.rstrip("\n")), flush=True)
    except dhmem.DhmemError as error:
        print(error.code, error, flush=True)
    except (ValueError, LookupError, struct.error) as error:
        # What Python makes of bytes that a spoilt region has.
        print(type(error).__name__, error, flush=True)
