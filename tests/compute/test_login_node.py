"""What is missed where jobs are to be submitted from is told at once, before anything is submitted."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from companion.compute.cluster_settings import read_cluster
from companion.compute.login_node import check_login_node
from companion.settings.problems import SettingsError

_FILES = Path(__file__).parents[2] / "params" / "clusters"


@pytest.fixture
def sbatch(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for sbatch, the only command on the path."""
    shutil.copytree(_FILES, project / "params" / "clusters")
    path = tmp_path / "commands" / "sbatch"
    path.parent.mkdir()
    path.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(path.parent))
    return path


def test_the_account_comes_from_the_environment_or_is_missed(sbatch, monkeypatch):
    with pytest.raises(SettingsError, match=r"alvis\.yaml: `account`: alvis runs no job without") as caught:
        check_login_node(read_cluster("alvis"))
    assert "COMPANION_ACCOUNT" in str(caught.value)
    check_login_node(read_cluster("sandbox"))
    monkeypatch.setenv("COMPANION_ACCOUNT", "naiss-1")
    check_login_node(read_cluster("alvis"))
    assert read_cluster("alvis").account == "naiss-1"


def test_all_that_is_missing_is_told_with_its_remedy(sbatch, monkeypatch):
    sbatch.unlink()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError) as caught:
        check_login_node(read_cluster("alvis"))
    text = str(caught.value)
    assert len(caught.value.problems) == 3 and "`account`" in text
    assert "--cluster alvis: sbatch is not on this machine" in text and "a login node of alvis" in text
    assert "dask-jobqueue is not installed here\n      allowed: pip install 'companion[slurm]'" in text


def test_another_python_may_have_what_this_one_lacks(sbatch, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("COMPANION_PYTHON", "/of/the/site/python")
    check_login_node(read_cluster("sandbox"))
