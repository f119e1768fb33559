"""Atomic writes: a file is whole or it is the one that was there before."""

import contextlib
import errno
import glob
import json
import os
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from companion.session.processes import is_running

#: What a full or read-only disk says; any other error of a file is one of ours.
DISK_REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}


def temporary_name(target: Path) -> Path:
    """A hidden name beside ``target`` that no other process uses; it tells whose it is."""
    return target.with_name(f"{_mark(target)}{os.getpid()}.{secrets.token_hex(4)}.tmp")


def _mark(target: Path) -> str:
    return f".{target.name}.{socket.gethostname()}."


def clear_dead(target: Path) -> None:
    """Remove what killed processes of this machine left beside ``target`` while they wrote it."""
    for left in target.parent.glob(f"{glob.escape(_mark(target))}*.tmp"):
        pid = left.name.removeprefix(_mark(target)).split(".")[0]
        if pid.isdecimal() and not is_running(int(pid)):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Path to write to; renamed to ``target`` when the block ends well, removed when it does not.

    The file is flushed to disk before the rename, so that a power cut cannot leave an empty one.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    clear_dead(target)
    temporary = temporary_name(target)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(target: Path, data: bytes | str) -> None:
    """Write ``data`` (text as UTF-8) to ``target``, whole or not at all."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)
    if (then := _after_writes.get(target.parent)) is not None:
        then()


_after_writes: dict[Path, Callable[[], None]] = {}


@contextlib.contextmanager
def after_writes(folder: Path, then: Callable[[], None]) -> Iterator[None]:
    """In this block, ``then`` is called after each `write_atomically` of this process into ``folder``."""
    _after_writes[folder] = then
    try:
        yield
    finally:
        _after_writes.pop(folder, None)


def append_line(target: Path, text: str) -> None:
    """Append a line to ``target`` in one write, so that the lines of several processes stay apart.

    A line that a killed process or a full disk left unfinished is ended first, so that it spoils no other.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o664)
    try:
        size = os.fstat(descriptor).st_size
        unfinished = size and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, b"\n" * bool(unfinished) + text.encode() + b"\n")
    finally:
        os.close(descriptor)


def write_json(target: Path, content: Any) -> None:
    """Write ``content`` as JSON with sorted keys: equal content, equal bytes."""
    write_atomically(target, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
