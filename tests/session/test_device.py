"""The device of a session whose work is done by a cluster: its workers count, not this machine."""

import shutil
from pathlib import Path

import pytest

from companion.session import device
from companion.session.device import resolve_device
from companion.settings.problems import SettingsError

_FILES = Path(__file__).parents[2] / "params" / "clusters"


@pytest.fixture
def clusters(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(device, "cuda_available", lambda: False)
    return Path(shutil.copytree(_FILES, project / "params" / "clusters"))


def test_a_cluster_with_gpus_has_them_for_whoever_asks(clusters):
    assert resolve_device("auto", "alvis") == "cuda" == resolve_device("cuda", "alvis")
    assert resolve_device("cpu", "alvis") == "cpu"


def test_a_cluster_without_gpus_has_none_wherever_the_run_starts(clusters, monkeypatch):
    monkeypatch.setattr(device, "cuda_available", lambda: True)
    assert resolve_device("auto", "tetralith") == "cpu"
    with pytest.raises(RuntimeError, match=r"cluster 'tetralith' has no GPU workers; .*tetralith\.yaml"):
        resolve_device("cuda", "tetralith")


@pytest.mark.parametrize("cluster", ["inline", "local", "tcp://host:8786"])
def test_elsewhere_this_machine_counts(clusters, cluster):
    assert resolve_device("auto", cluster) == "cpu"
    with pytest.raises(RuntimeError, match="PyTorch finds no CUDA device"):
        resolve_device("cuda", cluster)


def test_a_wrong_file_is_told(clusters):
    (clusters / "alvis.yaml").write_text("scheduler: slurm\n")
    with pytest.raises(SettingsError, match="`workers`: missing"):
        resolve_device("auto", "alvis")
