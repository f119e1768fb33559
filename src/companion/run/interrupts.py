"""Ctrl-C: the first one asks the notebooks to stop, the second ends them at once."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Stop:
    """How often the run was asked to stop."""

    count: int = 0

    @property
    def asked(self) -> bool:
        return self.count > 0

    @property
    def at_once(self) -> bool:
        return self.count > 1


@contextlib.contextmanager
def listening() -> Iterator[Stop]:
    """Count interrupts instead of raising them, until the block ends."""
    stop = Stop()

    def heard(number: int, frame: FrameType | None) -> None:
        stop.count += 1
        said = "stopping; once more to end at once" if stop.count == 1 else "ending at once"
        print(f"\n{signal.Signals(number).name}: {said}", file=sys.stderr, flush=True)

    previous = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in previous.items():
        if handler is not signal.SIG_IGN:  # under nohup a hang-up stays ignored
            signal.signal(number, heard)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Processes started in this block never see Ctrl-C: the terminal sends it to all of a group at once."""
    # The tracker, once running, leaves the mask alone when multiprocessing spawns; otherwise it unblocks.
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
