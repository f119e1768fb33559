"""A small study that several tests of the store share; some have a ``study`` of their own."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

_STUDY = """
import xarray as xr
from companion.store.durable import stored

CALLS = []

@stored
def line(slope):
    CALLS.append(slope)
    return xr.Dataset({"y": ("x", [0.0, slope])})

@stored
def doubled(slope):
    return line(slope) * 2
"""


@pytest.fixture
def study(project: Path) -> ModuleType:
    """The user's module ``lines``: a result, and one that uses it; ``CALLS`` are the slopes that were computed."""
    (project / "lines.py").write_text(_STUDY)
    importlib.invalidate_caches()
    return importlib.import_module("lines")
