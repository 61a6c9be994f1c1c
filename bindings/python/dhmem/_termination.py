"""SIGTERM, by which runners and containers end a task."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType


def handle_termination() -> bool:
    """Let SIGTERM raise SystemExit, if this is the main thread and nobody else handles it."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return False
    signal.signal(signal.SIGTERM, on_termination)
    return True


def on_termination(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    sys.exit(128 + number)
