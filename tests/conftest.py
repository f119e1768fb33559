"""What many tests share: a project of its own with root, store and user modules under tmp_path; and the images."""

import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

import real_runs
from companion.datasets import fashion_mnist, fashion_mnist_full
from companion.session import current, root
from companion.store import fingerprint
from real_runs import Project, Undisturbed

# The same examples in every run: what a change breaks is not found by chance, nor blamed on the next change.
hypothesis.settings.register_profile("seeded", derandomize=True, deadline=None)
hypothesis.settings.load_profile("seeded")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Tests of Ctrl-C mean it, also where pytest runs in the background of a shell.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project: notebooks/ and params/ exist, the store is empty, its folder is importable."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "params").mkdir()
    for name in [name for name in os.environ if name.startswith("COMPANION_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COMPANION_ROOT", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(current, "_current", None)
    monkeypatch.setattr(fingerprint, "_first_seen", dict(fingerprint._first_seen))
    root._nearest_root.cache_clear()
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def lay_out() -> Iterator[Callable[..., Project]]:
    """Lays projects out for real runs, as `real_runs.lay_out` does; whatever still runs in them is ended afterwards."""
    projects: list[Project] = []

    def lay(name: str, root: Path, *left_out: str, cluster: str | None = None) -> Project:
        projects.append(real_runs.lay_out(name, root, *left_out, cluster=cluster))
        return projects[-1]

    yield lay
    for project in projects:
        project.end_all()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """A run of the tiny project that nothing happens to."""
    return real_runs.undisturbed(tmp_path_factory)


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Results of the tiny learning project in a run that nothing happens to, by their keys."""
    return real_runs.learned(tmp_path_factory)


@pytest.fixture(scope="session")
def embedded():
    return fashion_mnist.load("embedded")


@pytest.fixture(scope="session")
def full():
    """The full data if some folder holds it; a test downloads nothing."""
    needed = set(fashion_mnist_full.FILES)
    if not any(set(fashion_mnist_full.find(folder)) == needed for folder in fashion_mnist_full.places()):
        pytest.skip(  # the embedded images are tested everywhere; CI installs the package
            "the full Fashion-MNIST is not at hand: apt-get install dataset-fashion-mnist, or set COMPANION_DATA"
        )
    return fashion_mnist.load("full")
