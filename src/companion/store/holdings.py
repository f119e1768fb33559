"""What the stores hold of many results at once: where each lies, who made it, with which libraries."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from companion.store.artefacts import MANIFEST, RESULT, store_roots

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Holding:
    """A result that is there: the store that has it, its maker and library versions (empty if unreadable)."""

    store: Path
    user: str
    versions: Mapping[str, str]


def holdings(keys: Mapping[str, str]) -> dict[str, Holding]:
    """Of the results ``keys`` (key: function), those that are in a store, each in the first that has it.

    Reads manifests and no results; tens of microseconds each, so that 10⁵ are no burden.
    """
    stores = [(root, os.fspath(root)) for root in store_roots()]
    found = {}
    for key, function in keys.items():
        for root, folder in stores:
            place = f"{folder}/{function}/{key}/"
            try:
                os.stat(place + RESULT)  # noqa: PTH116 (a Path for each of 10⁵ results takes seconds)
                text = _content(place + MANIFEST)
            except OSError:
                continue
            found[key] = _holding(root, text)
            break
    return found


def _content(file: str) -> bytes:
    """Bytes of a file; for many small ones this takes half the time of Python's file objects."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = block = os.read(descriptor, _BLOCK)
        while len(block) == _BLOCK:
            content += (block := os.read(descriptor, _BLOCK))
        return content
    finally:
        os.close(descriptor)


def _holding(root: Path, text: bytes) -> Holding:
    """What a manifest says; its two lines are found by how `write_json` lays it out, and the rest is not parsed."""
    made = _between(text, b'\n "made": {', b"\n }")
    user, versions = _between(made, b'\n  "user": ', b"\n"), _between(made, b'\n  "versions": {', b"\n  }")
    if user.endswith(b",") and versions:
        return Holding(root, *_parsed(b'{"user": %b"versions": {%b}}' % (user, versions)))
    return Holding(root, *_parsed(text, "made"))


def _between(text: bytes, before: bytes, after: bytes) -> bytes:
    start = text.find(before)
    end = text.find(after, start + len(before)) if start >= 0 else -1
    return text[start + len(before) : end] if end >= 0 else b""


@lru_cache(maxsize=256)
def _parsed(text: bytes, part: str | None = None) -> tuple[str, Mapping[str, str]]:
    """User and versions in JSON text or in a ``part`` of it; empty where they cannot be read."""
    try:
        made: Any = json.loads(text)[part] if part else json.loads(text)
        user, versions = made["user"], made["versions"]
    except (ValueError, KeyError, TypeError):
        return "", {}
    return (user, versions) if isinstance(user, str) and isinstance(versions, dict) else ("", {})
