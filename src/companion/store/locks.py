"""Locks that only save double work: they vanish with their process, so nothing needs unlocking."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from companion.session import events

_refusals_told: set[Path] = set()


class StoreNotWritable(OSError):
    """A result is to be computed, and the store in which it would be kept can only be read."""


@contextlib.contextmanager
def key_lock(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``, waiting for whoever holds it; StoreNotWritable where it cannot be made.

    Where the file system refuses locks, says so once and goes on: results are whole either way, two
    processes might only compute the same one twice.
    """
    descriptor = _acquire(path)
    try:
        yield
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)  # while held: whoever waits on it sees a new inode and retries
            os.close(descriptor)


def _acquire(path: Path) -> int | None:
    while True:
        descriptor = _opened(path)
        try:
            _flock(descriptor, path)
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                return descriptor
        except FileNotFoundError:
            pass  # the former holder removed the file while we waited
        except OSError as refusal:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            if path.parent not in _refusals_told:
                _refusals_told.add(path.parent)
                events.tell(f"{path.parent}: this file system refuses locks ({refusal}); going on without")
            return None
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o664)
    except OSError as refusal:
        if refusal.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        store = path.parent.parent
        raise StoreNotWritable(
            f"this result is not stored yet, and the store {store} cannot be written to ({refusal.strerror}); "
            f"with COMPANION_STORE=FOLDER{os.pathsep}{store} results go to FOLDER, and this store is read as well"
        ) from refusal


def _flock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        events.emit("waiting", text=f"{path.stem} is being computed by another process")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
