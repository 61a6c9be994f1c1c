"""Tasks of workflows, described by their environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import unittest

import dhmem
from dhmem import _completion
from dhmem.workflow import Task
from fixture import RegionTest


class Workflows(RegionTest):
    def task(self, name: str, links: str, **more: str) -> Task:
        return Task.from_environment(self.environment(name, links, **more))

    def environment(self, name: str, links: str, **more: str) -> dict[str, str]:
        folder = os.path.dirname(self.region.path)
        return {"DHMEM_REGION": self.region.name, "DHMEM_DIR": folder, "DHMEM_TASK": name, "DHMEM_LINKS": links, **more}

    def test_tasks_exchange_messages_to_the_end(self) -> None:
        links = "out=a.out>b.in;capacity=4096"
        with self.task("a", links) as a, self.task("b", links.replace("out=", "in=")) as b:
            output = a.output("out")
            for i in range(10):
                output.send(str(i), block=a.region.allocate(100))
            output.end()
            notes = self.region.struct("a.out>b.in#")
            self.assertEqual((notes.bytes, notes.sending, getattr(notes, "from"), notes.to), (1010, 0, 1, 0))
            self.assertEqual([message.text() for message in b.input("in")], [str(i) for i in range(10)])
            self.assertEqual((notes.receiving, notes.to), (0, 1))
            self.assertTrue(b.input("in").ended)

    def test_an_output_sends_to_all_of_its_links_and_an_input_receives_from_all(self) -> None:
        many = "out=a.out>b.in,out=a.out>c.in"
        with self.task("a", many) as a, self.task("b", "in=a.out>b.in") as b, self.task("c", "in=a.out>c.in") as c:
            block = a.region.allocate(1000)
            memoryview(block)[:] = bytes([7]) * 1000
            a.output("out").send("to both", block=block)
            a.output("out").end()
            for task in (b, c):
                for message in task.input("in"):
                    self.assertEqual(message.text(), "to both")
                    assert message.block is not None
                    self.assertEqual(bytes(message.block), bytes([7]) * 1000)
        both = "in=d.out>f.in,in=e.out>f.in"
        with self.task("d", "out=d.out>f.in") as d, self.task("e", "out=e.out>f.in") as e, self.task("f", both) as f:
            self.assertIsNone(f.input("in").try_receive())
            with self.fails("DHMEM_TIMEOUT", "input in"):
                f.input("in").receive(timeout=0.01)
            for task in (d, e):
                for i in range(5):
                    task.output("out").send(f"{task.name}{i}")
                task.output("out").end()
            got = [message.text() for message in f.input("in")]
            self.assertEqual(sorted(got), sorted(f"{name}{i}" for name in "de" for i in range(5)))
            self.assertEqual([text for text in got if text[0] == "d"], [f"d{i}" for i in range(5)])

    def test_a_link_may_keep_only_the_newest_messages(self) -> None:
        links = "last=a.last>b.last;policy=latest,few=a.few>b.few;policy=drop-oldest;keep=3"
        with self.task("a", links) as a, self.task("b", links) as b:
            for i in range(10):
                a.output("last").send(str(i))
                a.output("few").send(str(i))
            a.output("last").end()
            a.output("few").end()
            self.assertEqual([message.text() for message in b.input("last")], ["9"])
            self.assertEqual([message.text() for message in b.input("few")], ["7", "8", "9"])

    def test_a_task_that_failed_after_it_has_read_an_end_sees_it_again(self) -> None:
        links = "x=a.x>b.x"
        with self.task("a", links) as a:
            a.output("x").send("only")
            a.output("x").end()
        program = """
from dhmem.workflow import Task
with Task.from_environment() as task:
    print([message.text() for message in task.input("x")], flush=True)
    import sys; sys.exit(1 if sys.argv[1] == "fails" else 0)
"""

        def run(how: str) -> str:
            environment = {**os.environ, **self.environment("b", links)}
            ran = subprocess.run([sys.executable, "-c", program, how], env=environment, stdout=subprocess.PIPE, text=True, timeout=180)
            return ran.stdout

        self.assertEqual(run("fails"), "['only']\n")
        self.assertEqual(run("fails"), "[]\n")
        self.assertEqual(run("succeeds"), "[]\n")
        with self.task("a", links) as a:
            a.output("x").send("next")
            a.output("x").end()
        self.assertEqual(run("succeeds"), "['next']\n")

    def test_a_task_that_was_killed_before_it_could_note_an_end_sees_it_again(self) -> None:
        links = "x=a.x>b.x"
        with self.task("a", links) as a:
            a.output("x").end()
        program = """
import os, signal
import dhmem.workflow
dhmem._link_ends.note_read_end = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with dhmem.workflow.Task.from_environment() as task:
    task.input("x").receive()
"""
        environment = {**os.environ, **self.environment("b", links)}
        ran = subprocess.run([sys.executable, "-c", program], env=environment, timeout=180)
        self.assertEqual(ran.returncode, -signal.SIGKILL)
        with self.task("b", links) as b:
            self.assertIsNone(b.input("x").receive(timeout=60))
            self.assertTrue(b.input("x").ended)

    def test_a_stream_that_a_failed_run_has_ended_stays_ended_under_a_runner(self) -> None:
        links = "x=a.x>b.x"
        with dhmem.Region(self.region.name, label="runner"), self.task("b", links) as b:
            a = self.task("a", links, DHMEM_RUNNER="runner")
            a.output("x").send("first")
            a.output("x").end()
            a.close()
            # As another process: this one would know that the run did not fail.
            _completion._own.clear()
            with self.task("a", links, DHMEM_RUNNER="runner") as again:
                again.output("x").send("dropped", block=again.region.allocate(100))
                again.output("x").end()
            self.assertEqual([message.text() for message in b.input("x")], ["first"])

    def test_an_input_receives_in_batches(self) -> None:
        links = "x=a.x>b.x"
        with self.task("a", links) as a, self.task("b", links) as b:
            for i in range(5):
                a.output("x").send(str(i))
            a.output("x").end()
            self.assertEqual([[m.text() for m in batch] for batch in b.input("x").batches(3)], [["0", "1", "2"], ["3", "4"]])

    def test_what_is_wrong_in_the_environment_is_named(self) -> None:
        for links, text in (
            ("x", "of the form values=evaluate.values>steer.values"),
            ("x=a.x>b.x,x=a.x>b.x", "listed only once"),
            ("x=c.x>d.x", "it must be one of the two"),
            ("x=a.x>b.x;keep=3", "keep for policy drop-oldest"),
            ("x=a.x>b.x;colour=red", "policy, capacity, keep or transport"),
        ):
            with self.fails("DHMEM_BAD_ARGUMENT", text):
                self.task("a", links)
        with self.fails("DHMEM_NOT_FOUND", "no DHMEM_REGION"):
            Task.from_environment({"DHMEM_TASK": "a"})
        with self.fails("DHMEM_UNSUPPORTED", "communicates by nats"):
            self.task("a", "x=a.x>b.x", DHMEM_TRANSPORT="nats")
        with self.task("a", "x=a.x>b.x") as a:
            with self.fails("DHMEM_NOT_FOUND", 'Task a has no output "y" (its outputs in DHMEM_LINKS: x)'):
                a.output("y")
            with self.fails("DHMEM_NOT_FOUND", "none"):
                a.input("x")

    def test_a_task_notices_that_its_runner_is_gone(self) -> None:
        runner = dhmem.Region(self.region.name, label="the runner")
        with self.task("b", "in=a.out>b.in", DHMEM_RUNNER="the runner") as b:
            with self.fails("DHMEM_TIMEOUT"):
                b.input("in").receive(timeout=0.01)
            runner.close()
            with self.fails("DHMEM_PEER_GONE", "`dhmem run` that started this task is gone"):
                b.input("in").receive()

    def test_termination_leaves_with_blocks(self) -> None:
        program = """
from dhmem.workflow import Task
with Task.from_environment() as task:
    try:
        print("ready", flush=True)
        for message in task.input("in"): pass
    finally:
        print("left", flush=True)
"""
        environment = {**os.environ, **self.environment("b", "in=a.out>b.in")}
        child = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        self.assertEqual(child.stdout.readline(), "ready\n")
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.communicate(timeout=60)[0], "left\n")
        self.assertEqual(child.returncode, 143)


if __name__ == "__main__":
    unittest.main()
