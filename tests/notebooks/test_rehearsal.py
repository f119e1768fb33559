"""Every notebook can be rehearsed at every profile: what it would compute is found, and all parameters are allowed."""

from pathlib import Path

import pytest

from companion.run.choose import Wishes, choose
from companion.run.rehearsal import rehearse
from companion.session import current
from companion.settings.notebook import list_notebooks
from companion.settings.profiles import list_profiles
from companion.store.foresight import Call

ROOT = Path(__file__).parents[2]
CASES = [
    (path.stem, profile)
    for path in list_notebooks(ROOT / "notebooks")
    for profile in list_profiles(path.stem, ROOT / "params")
]
#: Tens of thousands of blocks, whose keys alone take longer than a test may, become hundreds: all else stays.
FEWER = {
    ("p1_relu_width", "paper"): [f"{name}initialisations=100" for name in ("", "claim_", "start_")],
    ("p1_relu_landscape", "paper"): [
        f"initialisations={[100] * 16}",
        *(f"{name}_initialisations=100" for name in ("claim", "regime")),
    ],
}


@pytest.mark.parametrize(("name", "profile"), CASES)
def test_a_notebook_is_foreseen(name: str, profile: str, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_ROOT", str(ROOT))
    monkeypatch.setenv("COMPANION_STORE", str(tmp_path))
    monkeypatch.setenv("COMPANION_NOTEBOOK", "")
    monkeypatch.setattr(current, "_current", None)
    (request,) = choose(Wishes([name], profile, FEWER.get((name, profile), []))).requests
    found = rehearse(request.notebook.cells, request.parameters.values)
    problems = [
        f"{call.function}: {call.problem}" for each in found.calls for call in _all(each) if call.problem
    ]
    assert found.problems + problems == []
    assert found.calls
    assert not list(tmp_path.iterdir())


def _all(call: Call) -> list[Call]:
    return [call, *(each for inner in call.inner for each in _all(inner))]
