"""What a run would compute, told by rehearsing its notebooks in a process of its own, and the rates that price it."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.run.bill import Bill, Rates, bill
from companion.run.expected import calibration_file
from companion.run.plan import Request
from companion.run.workforce import Workers
from companion.session import interruption
from companion.session.root import project_root
from companion.settings.problems import shown_path
from companion.store.calibration import from_json, preferred

_SECONDS_ALLOWED = 900
_POLL_SECONDS = 0.5


class RehearsalFailed(Exception):
    """The notebooks could not be rehearsed; its text says why."""


@dataclass(frozen=True)
class Foreseen:
    """What rehearsed notebooks would compute, with the rates that tell its cost."""

    notebooks: Sequence[Mapping[str, Any]]
    rates: Rates

    @property
    def studies(self) -> list[Mapping[str, Any]]:
        """Of all notebooks."""
        return [study for notebook in self.notebooks for study in notebook["studies"]]

    @property
    def parts(self) -> list[Mapping[str, Any]]:
        """Of all studies, those with something to compute."""
        return [part for study in self.studies for part in study["parts"] if part["missing"]]

    def total(self, who: Workers) -> Bill:
        """The bill of everything."""
        return sum((bill(study["parts"], self.rates, who) for study in self.studies), Bill())


def foresee(requests: Sequence[Request], *, anew: bool = False) -> Foreseen:
    """Rehearse ``requests``, as if nothing were stored with ``anew``. Raises RehearsalFailed."""
    found = rehearsed(requests, anew=anew)
    own = from_json(found["rates"], "results here")
    return Foreseen(found["notebooks"], preferred(own, tracked_rates()))


def rehearsed(requests: Sequence[Request], *, anew: bool = False) -> dict[str, Any]:
    """What `run.rehearsal` finds of ``requests``, or only the rates of the stores. Raises RehearsalFailed."""
    root = project_root()
    paths = [str(root), str(root / "notebooks"), os.environ.get("PYTHONPATH", "")]
    dropped = {"COMPANION_EVENTS", "COMPANION_CLUSTER", "COMPANION_FORCE"}
    environment = {name: value for name, value in os.environ.items() if name not in dropped} | {
        "COMPANION_ROOT": str(root),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "MPLBACKEND": "agg",
    }
    notebooks = [
        {
            "name": request.name,
            "path": str(request.notebook.path.absolute()),
            "parameters": request.parameters.values,
            "only": list(request.only),
        }
        for request in requests
    ]
    with tempfile.TemporaryDirectory(prefix="companion-") as folder:
        spec, result = Path(folder) / "spec.json", Path(folder) / "result.json"
        given = {"notebooks": notebooks, "anew": anew, "result": str(result)}
        spec.write_text(json.dumps(given), encoding="utf-8")
        child = subprocess.Popen(
            [sys.executable, "-m", "companion.run.rehearsal", str(spec)],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = _watched(child)
        if child.returncode:
            words = said.strip().splitlines() or ["nothing said"]
            raise RehearsalFailed(f"the rehearsal ended with exit code {child.returncode}: {words[-1]}")
        return json.loads(result.read_text(encoding="utf-8"))


def _watched(child: subprocess.Popen[str]) -> str:
    """What ``child`` said of errors. It is ended if it takes too long, or if this process is asked to end soon."""
    deadline = time.monotonic() + _SECONDS_ALLOWED
    with child:
        try:
            while not interruption.asked():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return child.communicate(timeout=_POLL_SECONDS)[1]
                if time.monotonic() > deadline:
                    raise RehearsalFailed(
                        f"the rehearsal did not end within {_SECONDS_ALLOWED // 60} minutes; "
                        "does a notebook compute something outside a @stored function?"
                    )
            raise RehearsalFailed("asked to end soon")
        finally:
            child.kill()


def tracked_rates() -> Rates:
    """Those of the tracked file; none where there is no such file."""
    path = calibration_file()
    if not path.exists():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return from_json(content["rates"], f"{shown_path(path)} ({content['machine']})")
