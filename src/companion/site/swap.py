"""Replacing a whole folder so that a reader, or a kill, finds the old one or the new one."""

import contextlib
import ctypes
import errno
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from companion.session.files import temporary_name

_HOUR = 3600.0
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextlib.contextmanager
def replaced_folder(target: Path) -> Iterator[Path]:
    """An empty folder to fill, beside ``target``; takes its place when the block ends well.

    Nothing is left behind when the block raises. What a killed process left is removed an hour later.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    fresh = temporary_name(target)
    fresh.mkdir()
    try:
        yield fresh
        _put_in_place(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)  # after an exchange this is the old folder


def _put_in_place(fresh: Path, target: Path) -> None:
    with contextlib.suppress(OSError):
        fresh.rename(target)  # succeeds where there is nothing, or an empty folder
        return
    if _exchange(fresh, target):
        return
    aside = temporary_name(target)  # a file system without exchange: for an instant there is no folder
    target.rename(aside)
    fresh.rename(target)
    shutil.rmtree(aside, ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step. False where the system or the file system cannot."""
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(first), os.fsencode(second)
    swap_flag = 2  # RENAME_EXCHANGE on Linux, RENAME_SWAP on macOS
    if sys.platform == "darwin":
        status = library.renamex_np(*names, swap_flag)
    elif hasattr(library, "renameat2"):
        here = -100  # AT_FDCWD
        status = library.renameat2(here, names[0], here, names[1], swap_flag)
    else:
        return False
    if status == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(first), None, str(second))


def _remove_leftovers(target: Path) -> None:
    for path in target.parent.glob(f".{target.name}.*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _HOUR:
                shutil.rmtree(path)
