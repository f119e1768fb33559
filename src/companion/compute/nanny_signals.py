"""The process that watches over a job's Dask workers hands SLURM's warning on. For ``--preload-nanny``."""

import contextlib
import os
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Nanny

_nannies: list["Nanny"] = []


def dask_setup(nanny: "Nanny") -> None:
    """From now on SIGUSR1 reaches the worker of ``nanny``; by itself it would end the whole job."""
    _nannies.append(nanny)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGUSR1, _hand_on)


def _hand_on(number: int, frame: FrameType | None) -> None:
    for nanny in _nannies:
        if nanny.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(nanny.pid, number)
