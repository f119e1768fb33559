"""What a study is foreseen to call is what it calls: every notebook at smoke sizes, key by key."""

import contextlib
from pathlib import Path

import pytest
import torch

from companion.run import rehearsal
from companion.run.choose import Wishes, choose
from companion.session import current
from companion.settings.notebook import list_notebooks
from companion.store.artefacts import Address, read_manifest
from companion.store.foresight import Call

ROOT = Path(__file__).parents[2]
NAMES = [path.stem for path in list_notebooks(ROOT / "notebooks") if path.stem != "tour"]
#: Whose arguments are numbers of another result: they are foreseen by their work, under other keys.
LENT = {"curriculum_yokes.yoked_runs"}


@contextlib.contextmanager
def for_good(**_):
    """In place of `foreseeing`: calls are computed."""
    yield []


@pytest.mark.notebooks
@pytest.mark.parametrize("name", NAMES)
def test_foreseen_keys_are_those_of_the_run(name: str, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_ROOT", str(ROOT))
    monkeypatch.setenv("COMPANION_STORE", str(tmp_path))
    monkeypatch.setenv("COMPANION_NOTEBOOK", "")
    monkeypatch.setenv("COMPANION_DEVICE", "cpu")
    monkeypatch.setattr(current, "_current", None)
    (request,) = choose(Wishes([name], "smoke", ["cluster=inline"])).requests
    asked = request.notebook.cells, request.parameters.values
    foreseen = rehearsal.rehearse(*asked)
    threads = torch.get_num_threads()
    monkeypatch.setattr(rehearsal, "foreseeing", for_good)
    run = rehearsal.rehearse(*asked)
    torch.set_num_threads(threads)
    assert run.problems == []
    known = [call for call in foreseen.calls if call.key]
    assert known
    assert [differing for call in known for differing in _differing(call)] == []


def _differing(call: Call) -> list[str]:
    """Functions whose results were used under keys that were not foreseen, or not used though foreseen."""
    folder = Address(call.function, call.key).find()
    if folder is None:
        return [f"{call.function}: another key"]
    used = _keys(read_manifest(folder)["used"])
    met = _keys({inner.key: inner.function for inner in call.inner})
    here = [f"{call.function}: {name}" for name in used | met if used.get(name) != met.get(name)]
    return here + [each for inner in call.inner if inner.function not in LENT for each in _differing(inner)]


def _keys(functions: dict[str, str]) -> dict[str, set[str] | int]:
    """Keys by function; of lent ones their number."""
    found: dict[str, set[str] | int] = {}
    for name in set(functions.values()):
        own = {key for key, function in functions.items() if function == name}
        found[name] = len(own) if name in LENT else own
    return found
