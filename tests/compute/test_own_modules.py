"""A user's own model, outside the package: found by other processes, and part of the key as ours is."""

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from companion.compute.clusters import start
from companion.compute.sweeps import sweep
from companion.session import current
from companion.store import fingerprint
from companion.store.artefacts import all_results, read_manifest, store_roots

MODEL = '''
"""A network of my own."""
import torch


class Network(torch.nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.Tanh(), torch.nn.Linear(width, 1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.body(inputs)
'''
SCALES = '''
"""Numbers of my own."""
import numpy as np


def scales(widths):
    return 1.0 / np.sqrt(widths)
'''
STUDY = '''
"""A study of my own."""
import torch
import xarray as xr

from companion.store.durable import stored
from my_model import Network
from my_numbers.scaling.scales import scales


@stored
def outputs(conditions, seed):
    """Scaled outputs of networks of several widths on the same input."""
    widths = [condition["width"] for condition in conditions]
    found = []
    for width, scale in zip(widths, scales(widths)):
        torch.manual_seed(seed + width)
        with torch.no_grad():
            found.append(scale * Network(width)(torch.ones(4)).item())
    return xr.Dataset({"output": ("condition", found)})
'''
CONDITIONS = [{"width": width} for width in (2, 3, 5)]


@pytest.fixture
def mine(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a model and a study beside its notebooks, and a folder of modules beside run_all.py."""
    monkeypatch.syspath_prepend(str(project / "notebooks"))
    numbers = project / "my_numbers" / "scaling"
    numbers.mkdir(parents=True)
    (numbers / "scales.py").write_text(SCALES)
    (project / "notebooks" / "my_model.py").write_text(MODEL)
    (project / "notebooks" / "my_study.py").write_text(STUDY)
    return project


def imported(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The study as a fresh process would see it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in [name for name in sys.modules if name.startswith("my_")]:
        del sys.modules[name]
    for name in [name for name in fingerprint._first_seen if name.startswith("my_")]:
        del fingerprint._first_seen[name]
    importlib.invalidate_caches()
    return importlib.import_module("my_study")


@pytest.mark.parametrize("file", ["notebooks/my_model.py", "my_numbers/scaling/scales.py"])
def test_an_edited_model_has_another_key_and_an_edited_comment_has_not(mine, monkeypatch, file):
    def key() -> str:
        return imported(monkeypatch).outputs.address(conditions=CONDITIONS, seed=0).key

    path, before = mine / file, key()
    text = path.read_text()
    path.write_text(text.replace("of my own", "that is mine") + "# a remark\n")
    assert key() == before
    path.write_text(text.replace("Tanh", "ReLU").replace("1.0 /", "2.0 /"))
    assert key() != before
    path.write_text(text)
    assert key() == before


def test_workers_find_a_model_of_ones_own_and_store_what_this_process_would(mine, monkeypatch):
    study = imported(monkeypatch)
    here = sweep(study.outputs, CONDITIONS, block=2, seed=0)
    keys = {address.key for address, _ in all_results(store_roots()[0])}
    monkeypatch.setenv("COMPANION_STORE", str(mine / "other"))
    started = start("local", workers=1)
    assert started is not None
    try:
        session = SimpleNamespace(cluster=started.address, device="cpu", touched={})
        monkeypatch.setattr(current, "_current", session)
        there = sweep(study.outputs, CONDITIONS, block=2, seed=0)
    finally:
        started.close()
    np.testing.assert_allclose(there.output, here.output, rtol=1e-6)
    assert len(np.unique(there.output)) == len(CONDITIONS)
    results = dict(all_results(store_roots()[0]))
    assert {address.key for address in results} == keys and len(keys) == 2
    for folder in results.values():
        assert {"my_study", "my_model", "my_numbers.scaling.scales"} <= set(read_manifest(folder)["modules"])
