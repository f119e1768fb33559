"""Ctrl-C: the first one asks the notebooks to stop, the second ends them at once. The wall time: they save first."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

from companion.session import interruption

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)

#: Names the seconds that notebooks have to save once the wall time is announced; a batch script sets it.
GRACE_VARIABLE = "COMPANION_GRACE_SECONDS"

_USUAL_GRACE = 120.0
# After SIGTERM a scheduler kills within half a minute.
_SHORT_GRACE = 20.0


@dataclass
class Stop:
    """How often the run was asked to stop; ``grace`` if it was asked to save first: so many seconds for it."""

    count: int = 0
    grace: float | None = None

    @property
    def ending(self) -> bool:
        """Whether nothing more is to be started."""
        return self.asked or self.grace is not None

    @property
    def asked(self) -> bool:
        return self.count > 0

    @property
    def at_once(self) -> bool:
        return self.count > 1

    def hear(self, number: signal.Signals) -> str | None:
        """Take note of a signal; what to say about it, if anything."""
        if number == signal.SIGUSR1 or (number == signal.SIGTERM and not self.ending):
            if self.ending:
                return None
            longest = float(os.environ.get(GRACE_VARIABLE) or _USUAL_GRACE)
            self.grace = min(longest, _SHORT_GRACE) if number == signal.SIGTERM else longest
            return f"saving and ending within {self.grace:.0f} s; the same command goes on from there"
        self.count += 1
        return "stopping; once more to end at once" if self.count == 1 else "ending at once"


@contextlib.contextmanager
def listening() -> Iterator[Stop]:
    """Count interrupts instead of raising them, until the block ends."""
    stop = Stop()

    def heard(number: int, frame: FrameType | None) -> None:
        if said := stop.hear(signal.Signals(number)):
            print(f"\n{signal.Signals(number).name}: {said}", file=sys.stderr, flush=True)

    if interruption.asked():
        heard(signal.SIGUSR1, None)
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
