"""Plays the traces of standard input, and stops at the first difference (conformance/traces/README.md)."""

import sys

from core import Core, Trap


def result_of(core, name, parameters):
    try:
        result = core.call(name, *parameters)
    except Trap:
        return "trap"
    return "-" if result is None else f"{result:.0f}"


def main():
    core, seed = None, ""
    traces = calls = traps = 0
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "trace":
            seed = rest[0]
        elif word == "memory":
            core = Core(int(rest[0]))
        elif word == "write":
            data = bytes.fromhex(rest[1])
            core.bytes[int(rest[0]) : int(rest[0]) + len(data)] = data
        elif word == "call":
            name, *parameters, _, expected = rest
            got = result_of(core, name, map(int, parameters))
            if got != expected:
                sys.exit(f"trace {seed}, call {calls}: {line.strip()}, got {got}")
            calls += 1
            traps += got == "trap"
        elif word == "hash":
            if str(core.hash()) != rest[0]:
                sys.exit(f"trace {seed}: the memory differs at its end")
            traces += 1
        else:
            sys.exit(f"A line that is not understood: {line}")
    print(f"{traces} traces, {calls} calls, {traps} traps: the same results and memory")


main()
