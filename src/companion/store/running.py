"""A stored function in the middle of its work: its workspace, the results it used, and what it has spent so far."""

import contextlib
import json
import math
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from companion.session.files import after_writes, atomic_path
from companion.store.meter import Meter, Seconds

#: In a workspace: what earlier legs of the work have spent, and this one until it last wrote there.
SPENT = "spent.json"

_Item = TypeVar("_Item")


@dataclass
class Running:
    """A call that computes: ``inner`` is what results made or awaited meanwhile took, which is not its own."""

    workspace: Path
    used: dict[str, str] = field(default_factory=dict)
    inner: Seconds = field(default_factory=Seconds)
    meter: Meter = field(default_factory=Meter)

    def __post_init__(self) -> None:
        self._earlier = _earlier(self.workspace / SPENT)

    def spent(self) -> tuple[Seconds, Seconds]:
        """Seconds of the whole work and of its own part, with those of the legs before an interruption."""
        leg = self.meter.seconds()
        whole, own = self._earlier
        return whole + leg, own + (leg - self.inner)

    def keep(self) -> None:
        """Leave what is spent to the next leg, if there is a workspace to go on from.

        It is a note about costs: where the disk refuses it, the work goes on without.
        """
        if not self.workspace.is_dir():
            return
        whole, own = self.spent()
        with contextlib.suppress(OSError), atomic_path(self.workspace / SPENT) as temporary:
            temporary.write_text(json.dumps({"whole": asdict(whole), "own": asdict(own)}))


_running: ContextVar[Running | None] = ContextVar("companion_running", default=None)


def running() -> Running | None:
    """The innermost stored function that computes here, if one does."""
    return _running.get()


@contextlib.contextmanager
def made_running(call: Running) -> Iterator[None]:
    """In this block ``call`` computes; what it spent is kept however the block ends, and is not its caller's own."""
    token = _running.set(call)
    try:
        yield
    finally:
        _running.reset(token)
        call.keep()
        outer = _running.get()
        if outer is not None:
            outer.inner += call.meter.seconds()


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """In this block, the stored function that computes waits for others: the time is not its own.

    Results that are computed here meanwhile, by the same process, have been counted already.
    """
    outer = _running.get()
    if outer is None:
        yield
        return
    began, before = outer.meter.seconds().wall, outer.inner.wall
    try:
        yield
    finally:
        waited = outer.meter.seconds().wall - began - (outer.inner.wall - before)
        outer.inner += Seconds(wall=max(waited, 0.0))


def awaited(items: Iterable[_Item]) -> Iterator[_Item]:
    """``items``, with the time until each comes spent `waiting`."""
    coming = iter(items)
    while True:
        with waiting():
            try:
                item = next(coming)
            except StopIteration:
                return
        yield item


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """Durable folder of the running stored function, for its checkpoints.

    It survives a kill, is found again by the same call, and goes once the result is stored. Each atomic write into
    it notes beside it what is spent. Raises RuntimeError outside a stored function.
    """
    call = _running.get()
    if call is None:
        raise RuntimeError("workspace() belongs inside a running @stored function")
    call.workspace.mkdir(parents=True, exist_ok=True)
    with after_writes(call.workspace, call.keep):
        yield call.workspace


def _earlier(file: Path) -> tuple[Seconds, Seconds]:
    """What earlier legs noted, whole and own; nothing where they noted none, or where the note is damaged."""
    try:
        noted = json.loads(file.read_text(encoding="utf-8"))
        return _seconds(noted["whole"]), _seconds(noted["own"])
    except (OSError, ValueError, TypeError, LookupError, OverflowError):
        return Seconds(), Seconds()


def _seconds(form: Any) -> Seconds:
    found = Seconds(**form)
    if not all(math.isfinite(number) for number in asdict(found).values()):
        raise ValueError(f"given {form}; allowed: numbers")
    return found
