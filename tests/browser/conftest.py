"""Headless Chromium, a JupyterLab as `make lab` starts it, and the gallery of this repository."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from companion.site.build import build_site
from real_runs import Project, made_once

ROOT = Path(__file__).parents[2]
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
_START_SECONDS = 60.0
_POLL_SECONDS = 0.2
#: What JupyterLab opens and runs start from; the library comes from where the tests run.
_PROJECT = (
    *("Makefile", "run_all.py", "jupytext.toml", "pyproject.toml"),
    *("labconfig", "notebooks", "params", "figures"),
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window; a skip where none is installed."""
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:  # a machine without a screen may have none; CI installs it
        pytest.skip(f"no browser is installed: none of {', '.join(_BROWSERS)} (apt-get install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, headless=True, args=list(_QUIET))
        yield opened
        opened.close()


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: where it listens, its token, its project and what it has said."""

    address: str
    token: str
    project: Path
    log: Path

    def page(self, path: str) -> str:
        """Address of a file of the project, opened in a fresh workspace."""
        return f"{self.address}/lab/tree/{path}?token={self.token}&reset"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """`make lab` in a copy of the project with an empty store, stopped by its own pid."""
    project = tmp_path_factory.mktemp("lab")
    _copy_project(project)
    port, token = _free_port(), "a-token-of-the-tests"
    log = project / "lab.log"
    options = f"--no-browser --port={port} --IdentityProvider.token={token} --expose-app-in-browser"
    options += " --allow-root" if os.getuid() == 0 else ""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COMPANION_")}
    with log.open("w") as said:
        server = subprocess.Popen(
            ["make", "-o", "install", "lab", f"BIN={Path(sys.executable).parent}", f"LAB={options}"],
            cwd=project,
            env=clean,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = Lab(f"http://127.0.0.1:{port}", token, project, log)
    try:
        _wait_for(running, server)
        yield running
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(_START_SECONDS)


def _copy_project(project: Path) -> None:
    for name in _PROJECT:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, project / name)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait_for(lab: Lab, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{lab.address}/api?token={lab.token}", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(_POLL_SECONDS)
    pytest.fail(f"JupyterLab did not start:\n{lab.log.read_text()}")


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index page of the gallery of this repository, with what was run here and one notebook that surely was."""
    project = made_once(tmp_path_factory, "executed", _executed)
    return build_site(project, out=tmp_path_factory.mktemp("gallery") / "site")


def _executed(project: Path) -> None:
    """A copy of the project where the notebook that is run fastest was run; then what was run here joins it."""
    _copy_project(project)
    Project(project).start("p2_speciation", "--profile", "smoke").end_well()
    for name in (".git", "CITATION.cff"):
        (project / name).symlink_to(ROOT / name)
    for path in (ROOT / "build/store").glob("*/*"):
        if not (there := project / path.relative_to(ROOT)).exists():
            there.parent.mkdir(exist_ok=True)
            there.symlink_to(path)
    if (runs := ROOT / "build/runs").is_dir():
        shutil.copytree(
            runs, project / "build/runs", ignore=shutil.ignore_patterns("running"), dirs_exist_ok=True
        )
