"""Checkpoints of long trainings: tensors in one file, whole or absent, that a killed run goes on from."""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from companion.session import events
from companion.session.files import write_atomically


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, text, in dicts and lists) to ``path`` by one rename.

    Raises OSError where the disk refuses; what was at ``path`` is then still there.
    """
    buffer = io.BytesIO()  # a full disk then is an OSError of ours, not an error inside torch
    torch.save(dict(state), buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state at ``path``, on the CPU; None where there is none or where it is damaged, which is said."""
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, ValueError) as problem:
        events.tell(f"{path}: damaged checkpoint, training starts again ({problem})")
        return None
