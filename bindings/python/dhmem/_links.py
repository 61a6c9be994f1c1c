"""Links between the tasks of a workflow, and what a task's environment says about them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn, cast

from ._errors import DhmemError, bad_argument
from ._queue import Policy
from ._region import check_name
from ._sizes import parse_size

_HELP = "`dhmem run --print-env TASK FILE` shows the variables that a task needs"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,48}")
_NAME_RULE = "1 to 48 of A-Z a-z 0-9 _ -"


@dataclass(frozen=True)
class Link:
    """A connection from a port of one task to a port of another."""

    local: str
    source: tuple[str, str]
    target: tuple[str, str]
    policy: Policy
    capacity: int | None
    keep: int | None
    transport: str | None

    @property
    def name(self) -> str:
        """The name of its queue."""
        return f"{'.'.join(self.source)}>{'.'.join(self.target)}"


@dataclass(frozen=True)
class Environment:
    """What the environment says about a task."""

    region: str
    directory: str | None
    task: str
    links: list[Link]
    runner: str | None
    permissions: int
    size: int | None
    trust: str | None


def read_environment(variables: Mapping[str, str]) -> Environment:
    def need(name: str, what: str) -> str:
        value = variables.get(name)
        if value:
            return value
        raise DhmemError(
            "DHMEM_NOT_FOUND",
            f"This task's environment has no {name} ({what}). Start the task with `dhmem run`, or set the variable; {_HELP}",
        )

    task = need("DHMEM_TASK", "the task's name")
    if _NAME.fullmatch(task) is None:
        bad_argument("DHMEM_TASK", task, _NAME_RULE)
    region = check_name(need("DHMEM_REGION", "the region's name"))
    # A task may have no links, so an empty value is accepted here.
    text = variables["DHMEM_LINKS"] if "DHMEM_LINKS" in variables else need("DHMEM_LINKS", "the task's links")
    links = parse_links(text)
    for link in links:
        _check_link(link, task, variables.get("DHMEM_TRANSPORT") or "shm")
    permissions = variables.get("DHMEM_PERMISSIONS") or "0600"
    if re.fullmatch("0?[0-7]{3}", permissions) is None:
        bad_argument("DHMEM_PERMISSIONS", permissions, "an octal file mode, such as 0660")
    size = variables.get("DHMEM_SIZE")
    return Environment(
        region=region,
        directory=variables.get("DHMEM_DIR") or None,
        task=task,
        links=links,
        runner=variables.get("DHMEM_RUNNER") or None,
        permissions=int(permissions, 8),
        size=parse_size("DHMEM_SIZE", size) if size else None,
        trust=variables.get("DHMEM_TRUST") or None,
    )


def parse_links(text: str) -> list[Link]:
    """Parse DHMEM_LINKS: `values=evaluate.values>steer.values;policy=latest,…`."""
    links = [_parse_link(part.strip()) for part in text.split(",") if part.strip()]
    names = [link.name for link in links]
    for name in names:
        if names.count(name) > 1:
            bad_argument("DHMEM_LINKS: A link", name, f"listed only once; {_HELP}")
    return links


def _parse_link(text: str) -> Link:
    head, *options = text.split(";")
    ends = re.fullmatch(r"\s*([^=]*?)\s*=\s*([^.>]*)\.([^.>]*)>([^.>]*)\.([^.>]*?)\s*", head)
    if ends is None or any(_NAME.fullmatch(name) is None for name in ends.groups()):
        _wrong_link(text, f"of the form values=evaluate.values>steer.values, with names of {_NAME_RULE}")
    given = {key.strip(): value.strip() for key, _, value in (option.partition("=") for option in options)}
    if len(given) < len(options):
        _wrong_link(text, "without an option that is given twice")
    for key in given:
        if key not in ("policy", "capacity", "keep", "transport"):
            bad_argument("DHMEM_LINKS: A link's option", key, "policy, capacity, keep or transport")
    policy, capacity, keep = given.get("policy", "block"), given.get("capacity"), given.get("keep")
    if policy not in ("block", "drop-oldest", "latest"):
        bad_argument("DHMEM_LINKS: A link's policy", policy, "one of block, drop-oldest, latest")
    if (keep is not None and policy != "drop-oldest") or (capacity is not None and policy != "block"):
        _wrong_link(text, "without that option: capacity is for policy block, and keep for policy drop-oldest")
    if keep is not None and not keep.isdecimal():
        bad_argument("DHMEM_LINKS: A link's keep", keep, "a number of messages")
    local, *names = ends.groups()
    return Link(
        local=local,
        source=(names[0], names[1]),
        target=(names[2], names[3]),
        policy=cast(Policy, policy),
        capacity=parse_size("DHMEM_LINKS: A link's capacity", capacity) if capacity is not None else None,
        keep=int(keep) if keep is not None else None,
        transport=given.get("transport"),
    )


def _wrong_link(text: str, wanted: str) -> NoReturn:
    bad_argument("DHMEM_LINKS: A link", text, f"{wanted}; {_HELP}")


def _check_link(link: Link, task: str, transport: str) -> None:
    source, target = link.source[0], link.target[0]
    if (source == task) == (target == task):
        raise DhmemError(
            "DHMEM_BAD_ARGUMENT",
            f"DHMEM_LINKS has a link from {source} to {target}, but DHMEM_TASK is {task}; it must be one of the two; {_HELP}",
        )
    carrier = link.transport or transport
    if carrier not in ("shm", "memory"):
        raise DhmemError(
            "DHMEM_UNSUPPORTED",
            f"{link.name} communicates by {carrier}, which is not available in Python yet; give it the transport shm, or "
            "run this task in TypeScript",
        )
