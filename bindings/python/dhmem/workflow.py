"""A program in Python as a task of a workflow, which `dhmem run` starts.

    from dhmem.workflow import Task

    with Task.from_environment() as task:
        values = task.output("values")
        for guess in task.input("guesses"):
            values.send(evaluate(guess.array("f8")))
        values.end()

The environment says how tasks are connected, so the program is the same as a single process or in a container.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

from ._completion import complete_own
from ._errors import DhmemError
from ._link_ends import Receiver, Sender, counting
from ._links import Link, read_environment
from ._native import Block, Message
from ._queue import Consumer, finish
from ._region import Region
from ._sizes import check_count
from ._termination import handle_termination, on_termination

if TYPE_CHECKING:
    from ._native import Data

__all__ = ["Input", "Output", "Task"]

# Seconds between looks whether the runner is there.
_LOOK = 0.5

class Task:
    """One task of a workflow, with its named inputs and outputs. From `Task.from_environment()`.

    Leaving the `with` block closes it. That does not end its outputs: call `end()` on each when everything is sent.
    """

    name: str
    region: Region

    def __init__(self, variables: Mapping[str, str]) -> None:
        environment = read_environment(variables)
        self.name = environment.task
        self._links = environment.links
        self._runner = environment.runner
        self._inputs: dict[str, Input] = {}
        self._outputs: dict[str, Output] = {}
        # A runner has made the region. If the region is gone, so is the workflow.
        self.region = Region(
            environment.region,
            directory=environment.directory,
            label=environment.task,
            trust=environment.trust,
            permissions=environment.permissions,
            mode="open-or-create" if environment.runner is None else "open",
            size=environment.size if environment.runner is None else None,
        )
        self._handles_termination = handle_termination()

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> Task:
        """Open the task that the environment describes. `dhmem run` sets the variables.

        In the main thread, SIGTERM raises SystemExit from then on, as long as the task is open, so that `with` blocks are
        left as usual. A second SIGTERM kills the process.
        """
        return cls(variables)

    def input(self, name: str) -> Input:
        """Return the input of this name."""
        if name not in self._inputs:
            self._inputs[name] = Input(self, name, [Receiver(self.region, self.name, link) for link in self._links_of(name, "input")])
        return self._inputs[name]

    def output(self, name: str) -> Output:
        """Return the output of this name."""
        if name not in self._outputs:
            is_run = self._runner is not None
            links = self._links_of(name, "output")
            senders = [Sender(self.region, self.name, link, is_run) for link in links]
            for sender in senders:
                if sender.had_ended:
                    self.log(f"{sender.link.name} had ended before this task was restarted; what is sent there now is dropped")
            self._outputs[name] = Output(self, name, senders)
        return self._outputs[name]

    def log(self, *objects: object) -> None:
        """Write a line to standard error, with the time and the task's name."""
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        print(now, f"{self.name}:", *objects, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the workflow. A successor can take the inputs and outputs then."""
        if self._handles_termination and signal.getsignal(signal.SIGTERM) is on_termination:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._handles_termination = False
        try:
            self.region._check()
            for input in self._inputs.values():
                for receiver in input._receivers:
                    receiver.notes.to = 0
            for output in self._outputs.values():
                for sender in output._senders:
                    setattr(sender.notes, "from", 0)
        except DhmemError:
            # The region is gone, and the notes with it.
            pass
        self.region.close()

    def __enter__(self) -> Task:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        # A runner notes how the process exits.
        if self._runner is None and (error is None or (isinstance(error, SystemExit) and not error.code)):
            self._complete()
        self.close()

    def _complete(self) -> None:
        try:
            ends: list[Input | Output] = [*self._inputs.values(), *self._outputs.values()]
            for end in ends:
                for link in end._links:
                    complete_own(self.region, self.name, link)
        except DhmemError:
            # The region is gone together with its streams.
            pass

    def __repr__(self) -> str:
        return f"<dhmem.workflow.Task {self.name!r}>"

    def _links_of(self, name: str, what: str) -> list[Link]:
        ours = [link for link in self._links if (link.source if what == "output" else link.target)[0] == self.name]
        found = [link for link in ours if link.local == name]
        if found:
            return found
        names = ", ".join(dict.fromkeys(link.local for link in ours)) or "none"
        raise DhmemError(
            "DHMEM_NOT_FOUND",
            f'Task {self.name} has no {what} "{name}" (its {what}s in DHMEM_LINKS: {names}); use one of these, or add a link '
            "to the workflow file",
        )

    def _check_runner(self) -> None:
        if self._runner is not None and not self.region.has_participant(self._runner):
            raise DhmemError(
                "DHMEM_PEER_GONE",
                "The `dhmem run` that started this task is gone (was it killed?), so no task will be restarted, and "
                f"{self.region.path} will not be removed; run the workflow again",
            )


class Input:
    """A named input of a task. From `Task.input()`.

    With several links, it takes messages from each in turn, and ends when all of them have ended. Iterating over it
    receives messages to the end, and releases each as iterating over a `Consumer` does. It waits for a task that is
    restarted.
    """

    def __init__(self, task: Task, name: str, receivers: list[Receiver]) -> None:
        self.name = name
        self._task = task
        self._receivers = receivers
        self._links = [receiver.link for receiver in receivers]
        self._notes = [receiver.notes for receiver in receivers]
        self._next = 0
        # The consumer whose message the iteration has returned last.
        self._last: Consumer | None = None

    @property
    def ended(self) -> bool:
        """True when all links have ended and all their messages were received."""
        return all(receiver.ended for receiver in self._receivers)

    def try_receive(self) -> Message | None:
        """Return the next message if there is one now, else None."""
        received = self._try()
        return None if received is None else received[1]

    def receive(self, *, timeout: float | None = None) -> Message | None:
        """Wait for the next message. None when all links have ended. `timeout` is in seconds."""
        received = self._receive(timeout)
        return None if received is None else received[1]

    def receive_many(self, max: int) -> list[Message]:
        """Return up to `max` messages that are there now. Never waits."""
        check_count("max", max)
        messages: list[Message] = []
        while len(messages) < max and (message := self.try_receive()) is not None:
            messages.append(message)
        return messages

    def batches(self, max: int) -> Iterator[list[Message]]:
        """Iterate in lists of 1 to `max` messages: those that are there. They are released when the next is asked for."""
        check_count("max", max)
        while (first := self.receive()) is not None:
            batch = [first, *(self.receive_many(max - 1) if max > 1 else [])]
            yield batch
            finish(batch)

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        if self._last is not None:
            self._last._release_current()
        received = self._receive(None)
        if received is None:
            raise StopIteration
        self._last, message = received
        self._last._set_current(message)
        return message

    def _try(self) -> tuple[Consumer, Message] | None:
        count = len(self._receivers)
        for turn in range(self._next, self._next + count):
            receiver = self._receivers[turn % count]
            message = receiver.try_receive()
            if message is not None:
                self._next = (turn + 1) % count
                return receiver.consumer, message
        return None

    def _receive(self, timeout: float | None) -> tuple[Consumer, Message] | None:
        deadline = None if timeout is None else time.monotonic() + timeout
        with counting(self._notes, "receiving" if timeout is None else "polling"):
            for slice in _slices(self._task, deadline):
                received = self._wait(slice)
                if received is not None or self.ended:
                    return received
        raise DhmemError(
            "DHMEM_TIMEOUT",
            f"Waited {(timeout or 0) * 1000:g} ms for a message from input {self.name}; allow more time, or check that the "
            "other side is running",
        )

    def _wait(self, seconds: float) -> tuple[Consumer, Message] | None:
        if len(self._receivers) > 1:
            return self._wait_at_several(seconds)
        (receiver,) = self._receivers
        message = receiver.receive(seconds)
        return None if message is None else (receiver.consumer, message)

    def _wait_at_several(self, seconds: float) -> tuple[Consumer, Message] | None:
        region = self._task.region
        descriptor = region._fd()
        received = self._try()
        if received is not None or self.ended:
            return received
        select.select([descriptor], [], [], seconds)
        region._fd_clear()
        return self._try()


class Output:
    """A named output of a task. From `Task.output()`.

    With several links, it sends every message to each of them, through separate queues. It waits for a task that is
    restarted.
    """

    def __init__(self, task: Task, name: str, senders: list[Sender]) -> None:
        self.name = name
        self._task = task
        self._senders = senders
        self._links = [sender.link for sender in senders]

    def send(self, data: Data, *, block: Block | None = None, timeout: float | None = None) -> None:
        """Send to every link. Waits for room on links with policy `block`. `timeout` is in seconds.

        A block is handed over without a copy; each link gets a reference of its own. If sending fails on one link, others
        may have the message already; the block still belongs to this task then.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        size = _size_of(data) + (0 if block is None else len(block))
        several = block is not None and len(self._senders) > 1
        for sender in self._senders:
            part = block.clone() if block is not None and several else block
            with counting([sender.notes] if timeout is None else [], "sending"):
                sender.send(data, part, _slices(self._task, deadline))
            sender.notes.bytes += size
        if block is not None and several:
            block.free()

    def end(self) -> None:
        """End every link. The consumers receive what was sent, and then see the end."""
        for sender in self._senders:
            sender.end()


def _size_of(data: Data) -> int:
    return len(data.encode()) if isinstance(data, str) else memoryview(cast(Any, data)).nbytes


def _slices(task: Task, deadline: float | None) -> Iterator[float]:
    """Lengths of waits until the deadline, at least one. In between, the runner's death is noticed."""
    while True:
        left = _LOOK if deadline is None else max(deadline - time.monotonic(), 0)
        yield min(left, _LOOK)
        if left <= 0:
            return
        task._check_runner()
