"""The running notebook: its parameters, device, cluster and folders."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.session import events, interruption
from companion.session.device import cuda_available, resolve_device
from companion.session.root import build_folder, project_root
from companion.settings.notebook import read_notebook
from companion.settings.profiles import validate_namespace

#: Hands the resolved device kind to workers.
DEVICE_VARIABLE = "COMPANION_DEVICE"
#: Hands the width of figures to notebooks, in inches: a matter of the page that they go to.
WIDTH_VARIABLE = "COMPANION_FIGURE_WIDTH"


@dataclass(frozen=True)
class Session:
    """What a notebook runs as. Made by `here`; read by store, compute, figures and claims."""

    notebook: str
    parameters: Mapping[str, Any]
    device: str
    cluster: str
    touched: dict[str, str] = field(default_factory=dict)
    """Key of every stored result used so far, with the name of its function."""

    @property
    def profile(self) -> str:
        return self.parameters["profile"]

    @property
    def seed(self) -> int:
        return self.parameters["seed"]

    @property
    def figures_folder(self) -> Path:
        """Where figures are saved: figures/<profile>, or the folder named by COMPANION_FIGURES."""
        return figures_folder(self.profile)

    @property
    def runs_folder(self) -> Path:
        """Where records of runs at this profile lie: build/runs/<profile>."""
        return build_folder() / "runs" / self.profile

    def __repr__(self) -> str:
        cluster = self.parameters["cluster"]  # not the address that a run handed over: it changes every time
        return f"{self.notebook} · {self.profile} · {self.device} · cluster {cluster} · seed {self.seed}"


_current: Session | None = None


def here(notebook: str, namespace: Mapping[str, Any]) -> Session:
    """Start the session of the notebook called ``notebook``; call it with ``locals()``.

    Validates the parameters again (bare papermill and JupyterLab come this way too), resolves the
    device and the cluster; from then on SIGUSR1 asks trainings to save and to stop. Raises SettingsError
    with every problem at once, RuntimeError where the demanded device is missing.
    """
    global _current
    source = read_notebook(project_root() / "notebooks" / f"{notebook}.py")
    parameters = validate_namespace(source, namespace)
    os.environ["COMPANION_NOTEBOOK"] = notebook
    device = resolve_device(parameters["device"], parameters["cluster"])
    if parameters["device"] == "auto":
        events.emit("message", text=f"{notebook}: device auto is {device}")
    interruption.install()
    _current = Session(notebook, parameters, device, _cluster_request(parameters["cluster"]))
    return _current


def current() -> Session | None:
    """The session of this process, or None outside notebooks."""
    return _current


def session_device() -> str:
    """``"cpu"`` or ``"cuda"``: the session's, or on a worker that of the session which sent the work."""
    if _current is not None:
        return _current.device
    return os.environ.get(DEVICE_VARIABLE) or resolve_device("auto")


def device_kind() -> str:
    """Where this process computes: on the session's device, or on ``"cpu"`` where its GPUs are elsewhere."""
    kind = session_device()
    return kind if kind == "cpu" or cuda_available() else "cpu"


def figures_folder(profile: str) -> Path:
    """Folder of the figures of ``profile``."""
    override = os.environ.get("COMPANION_FIGURES")
    return Path(override) if override else project_root() / "figures" / profile


def figure_width() -> float | None:
    """Width in inches of all figures, where a run exports them for a paper; None for the one of their design."""
    asked = os.environ.get(WIDTH_VARIABLE)
    return float(asked) if asked else None


def _cluster_request(parameter: str) -> str:
    """The run's own cluster if it handed one over, the notebook's parameter otherwise."""
    return os.environ.get("COMPANION_CLUSTER") or parameter
