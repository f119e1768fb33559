"""Progress that is seen everywhere: events under a run, a bar on a terminal or in a notebook."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator

from companion.session import events

_QUIET_SECONDS = 2.0
_EVENT_SPACING = 0.2

Advance = Callable[[int], None]


def duration(seconds: float) -> str:
    """A span of time in the two units that matter.

    >>> duration(0.4), duration(75), duration(4000)
    ('0.4 s', '1 min 15 s', '1 h 07 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


@contextlib.contextmanager
def progress(label: str, total: int, unit: str = "") -> Iterator[Advance]:
    """Report ``total`` units of work called ``label``; the block calls ``advance(count)``.

    Says what it is doing and how long is left. Work that ends within two seconds shows no bar.
    """
    started = time.monotonic()
    done, last_event = 0, -1.0
    with _bar(label, total, unit) as draw:

        def advance(count: int = 1) -> None:
            nonlocal done, last_event
            done += count
            elapsed = time.monotonic() - started
            left = elapsed * (total - done) / done if done else None
            if elapsed - last_event >= _EVENT_SPACING or done >= total:
                last_event = elapsed
                events.emit("progress", label=label, done=done, total=total, unit=unit, eta_seconds=left)
            draw(done, elapsed)

        events.emit("progress", label=label, done=0, total=total, unit=unit, eta_seconds=None)
        yield advance


@contextlib.contextmanager
def _bar(label: str, total: int, unit: str) -> Iterator[Callable[[int, float], None]]:
    """A rich bar that appears after two seconds; silent where a run follows the events instead."""
    if os.environ.get(events.ENVIRONMENT_VARIABLE):
        yield lambda done, elapsed: None
        return
    # rich is slow to import and most work is over before a bar is due.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, transient=True, disable=False)
    task = bar.add_task(label, total=total)
    shown = False
    last_line = 0.0

    def draw(done: int, elapsed: float) -> None:
        nonlocal shown, last_line
        if elapsed < _QUIET_SECONDS:
            return
        if not (console.is_terminal or console.is_jupyter):
            if elapsed - last_line >= _QUIET_SECONDS:
                last_line = elapsed
                left = elapsed * (total - done) / max(done, 1)
                console.print(f"{label}: {done}/{total} {unit}, {duration(left)} left", highlight=False)
            return
        if not shown:
            bar.start()
            shown = True
        bar.update(task, completed=done)

    try:
        yield draw
    finally:
        if shown:
            bar.stop()
