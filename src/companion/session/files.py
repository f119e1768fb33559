"""Atomic writes: a file is whole or it is the one that was there before."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def temporary_name(target: Path) -> Path:
    """A hidden name beside ``target`` that no other process uses."""
    return target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Path to write to; renamed to ``target`` when the block ends well, removed when it does not.

    The file is flushed to disk before the rename, so that a power cut cannot leave an empty one.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
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


def write_json(target: Path, content: Any) -> None:
    """Write ``content`` as JSON with sorted keys: equal content, equal bytes."""
    write_atomically(target, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
