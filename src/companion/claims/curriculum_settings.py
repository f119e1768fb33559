"""Settings that claims on small transformers are registered for, held against those that results were made with."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr

Settings = Mapping[str, Any]

#: Modulus, network, optimiser and evaluations of trainings on tables of operations, as results record them.
OPERATIONS: Final[dict[str, Any]] = {
    "prime": 31,
    "width": 32,
    "hidden": 128,
    "layers": 1,
    "heads": 4,
    "learning_rate": 5e-3,
    "weight_decay": 1.0,
    "decay_share": 0.3,
    "clip": 0.0,
    "every": 25,
}
#: The same of trainings on parity; how many bits are hidden, and the width, are each claim's own.
PARITY: Final[dict[str, Any]] = {
    "bits": 12,
    "bias": 0.85,
    "biased_steps": 150,
    "batch": 128,
    "threshold": 0.9,
    "layers": 1,
    "learning_rate": 5e-3,
    "weight_decay": 0.01,
    "decay_share": 0.0,
    "clip": 1.0,
    "every": 25,
}


def unregistered(given: Settings, registered: Settings) -> str:
    """Which of the ``registered`` settings are ``given`` otherwise or not at all; empty where none is.

    >>> unregistered({"prime": 97, "width": 32}, {"prime": 31, "width": 32})
    'settings differ from the registered ones: prime = 97 (31)'
    """
    other = [
        f"{name} = {_text(given.get(name))} ({_text(wanted)})"
        for name, wanted in registered.items()
        if not _same(given.get(name), wanted)
    ]
    return f"settings differ from the registered ones: {', '.join(other)}" if other else ""


def told(data: xr.Dataset) -> str:
    """Network, modulus and rates of ``data`` as a note; a setting that was not recorded is missing."""
    layers, width, prime, rate = (
        _text(data.attrs.get(name)) for name in ("layers", "width", "prime", "learning_rate")
    )
    return (
        f"layers: {layers}, width: {width}, modulus: {prime}, learning rate: {rate}, "
        f"weight decay: {_text(data.attrs.get('weight_decay'))}"
    )


def stopped_notes(data: xr.Dataset, dim: str = "") -> tuple[str, ...]:
    """How many networks stopped on a loss that is no number, for the notes: in all, or by ``dim``; none where none did.

    By ``dim``, whose values name the settings, ``stopped_at`` has no other dim than that and ``replicate``.
    """
    stopped = data.stopped_at >= 0
    if not dim:
        count = int(stopped.sum())
        return (f"stopped on a loss that is no number: {count} networks",) if count else ()
    counts = stopped.sum("replicate").values.tolist()
    hit = [f"{name} ({count})" for name, count in zip(data[dim].values, counts, strict=True) if count]
    return (f"stopped on a loss that is no number: {', '.join(hit)}",) if hit else ()


def _same(given: Any, wanted: Any) -> bool:
    if isinstance(wanted, str) or given is None:
        return given == wanted
    return np.shape(given) == np.shape(wanted) and bool(np.allclose(given, wanted))


def _text(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, str):
        return value
    return " and ".join(f"{number:g}" for number in np.atleast_1d(value).tolist())
