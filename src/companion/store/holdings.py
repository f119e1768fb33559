"""What the stores hold of many results at once: where each lies, who made it, with which libraries."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.store.artefacts import MANIFEST, RESULT, store_roots


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
                with open(place + MANIFEST, "rb") as opened:  # noqa: PTH123
                    text = opened.read()
            except OSError:
                continue
            found[key] = _holding(root, text)
            break
    return found


def _holding(root: Path, text: bytes) -> Holding:
    try:
        made: Any = json.loads(text)["made"]
        user, versions = made["user"], made["versions"]
    except (ValueError, KeyError, TypeError):
        return Holding(root, "", {})
    right = isinstance(user, str) and isinstance(versions, dict)
    return Holding(root, user, versions) if right else Holding(root, "", {})
