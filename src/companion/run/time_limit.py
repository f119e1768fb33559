"""``--time-limit``: how long one notebook may take, and where its threads were when that time was over."""

import contextlib
import os
import signal
import time
from pathlib import Path

from companion.run.spans import ALLOWED, seconds_of
from companion.settings.problems import Problem

#: Asks a kernel under a run to write down its stacks.
STACKS_SIGNAL = signal.SIGUSR2

#: Name of the failure of a notebook that did not end within its time.
TIME_LIMIT = "TimeLimit"

_DUMP_SECONDS, _POLL_SECONDS = 2.0, 0.02
#: The main thread comes last, and this is where it began.
_LAST_FRAME = " in _run_module_as_main\n"


def time_limit_problems(text: str | None) -> list[Problem]:
    """A problem if ``text`` is given and names no span of time."""
    try:
        if text is not None:
            seconds_of(text)
    except ValueError:
        return [Problem("--time-limit", None, None, "not a span of time", repr(text), ALLOWED)]
    return []


def stacks_of(kernel: int, file: Path) -> list[str]:
    """Lines that tell where each thread of the process ``kernel`` is; it writes them to ``file``.

    A kernel that has just been started may not listen yet and then ends; what it wrote by then is returned.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(kernel, STACKS_SIGNAL)
    deadline = time.monotonic() + _DUMP_SECONDS
    text = ""
    while time.monotonic() < deadline and _LAST_FRAME not in text:
        time.sleep(_POLL_SECONDS)
        with contextlib.suppress(OSError):
            text = file.read_text(encoding="utf-8", errors="replace")
    # The main thread is the one that works on the cell; the others are mostly the kernel's own.
    return "\n\n".join(reversed(text.strip().split("\n\n"))).splitlines()
