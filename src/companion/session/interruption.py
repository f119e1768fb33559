"""Being asked to end soon, as SLURM asks by a signal near the wall time; long trainings answer from a checkpoint."""

import signal
import threading
from types import FrameType

_asked = False


class Resumable(Exception):
    """Raised to end work that can go on from its checkpoint: the same call, made again, goes on there."""


def install(terminate: bool = False) -> None:
    """From now on SIGUSR1, and SIGTERM if ``terminate``, ask this process to end soon instead of ending it.

    Only a main thread can do this; in any other one nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    numbers = {signal.SIGUSR1} | ({signal.SIGTERM} if terminate else set())
    for number in numbers:
        signal.signal(number, _heard)
    # Whoever started this process may hold a signal back until there is somebody to hear it.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)


def _heard(number: int, frame: FrameType | None) -> None:
    ask()


def ask() -> None:
    """Ask this process to end soon, as a signal does."""
    global _asked
    _asked = True


def asked() -> bool:
    """Whether this process was asked to end soon: save a checkpoint now, then call `stop_if_asked`."""
    return _asked


def stop_if_asked() -> None:
    """Raise Resumable if this process was asked to end soon; call it where nothing would be lost."""
    if _asked:
        raise Resumable("asked to end soon: what is finished is kept, and the same call goes on from there")


def forget() -> None:
    """Go on as if nobody had asked."""
    global _asked
    _asked = False
