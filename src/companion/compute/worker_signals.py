"""A Dask worker near its wall time: its block saves and goes on elsewhere. For ``dask worker --preload``."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from companion.session import interruption

if TYPE_CHECKING:
    from distributed import Worker

#: Seconds between the first notice and the worker's lifetime. A block that does not stop in this time works on, until
#: it is done or its job's wall time ends it: a worker that is leaving already is not closed at its lifetime.
NOTICE_SECONDS = 60.0

_POLL_SECONDS = 0.1
_leaving = threading.Event()


def dask_setup(worker: "Worker") -> None:
    """Make ``worker`` leave in good order on SIGUSR1, and shortly before its lifetime if it has one."""
    loop = asyncio.get_running_loop()
    kept: set[asyncio.Task[None]] = set()  # a loop keeps no strong reference to its tasks

    def begin() -> None:
        if not _leaving.is_set():
            _leaving.set()
            interruption.ask()
            kept.add(loop.create_task(_leave(worker)))

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGUSR1, lambda number, frame: loop.call_soon_threadsafe(begin) and None)
    if worker.lifetime:
        loop.call_later(max(worker.lifetime - NOTICE_SECONDS, worker.lifetime / 2), begin)


async def _leave(worker: "Worker") -> None:
    """Take no further task, wait for the running one to save and stop, hand back those that wait, and close."""
    from distributed.core import Status

    worker.status = Status.closing_gracefully
    while worker.state.executing_count:
        await asyncio.sleep(_POLL_SECONDS)
    # Said in advance, this counts against no task. What else the worker holds is stored: none of it needs to move.
    with contextlib.suppress(OSError):
        await worker.scheduler.unregister(
            address=worker.address, expected=True, close=False, stimulus_id="near its wall time"
        )
    await worker.close(nanny=True, reason="near its wall time")


@contextlib.contextmanager
def handing_on() -> Iterator[None]:
    """In this block, work that stops because its worker leaves is handed on to another worker.

    Raises distributed.Reschedule in place of Resumable where this worker leaves; elsewhere Resumable stands.
    """
    try:
        yield
    except interruption.Resumable:
        if not _leaving.is_set():
            raise
        from distributed import Reschedule

        raise Reschedule from None


def ask_workers(address: str, seconds: float = 10.0) -> None:
    """Ask all workers of the scheduler at ``address`` to stop where nothing is lost; returns at once.

    A scheduler that does not answer within ``seconds`` is left alone: its run ends all the same.
    """

    def ask() -> None:
        from distributed import Client

        with contextlib.suppress(OSError, RuntimeError), Client(address, timeout=seconds) as client:
            client.run(interruption.ask, on_error="ignore")

    threading.Thread(target=ask, daemon=True).start()
