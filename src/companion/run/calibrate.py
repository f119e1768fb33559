"""``run_all.py --calibrate``: rates, and what each notebook takes, for clones that have no results yet."""

import json
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from companion.compute.clusters import core_count
from companion.run import foresee, report
from companion.run.bill import bill
from companion.run.choose import Wishes, choose, find_notebooks, params_folder
from companion.run.expected import calibration_file
from companion.run.workforce import Workers
from companion.session.files import write_atomically
from companion.settings.problems import shown_path
from companion.settings.profiles import list_profiles
from companion.store.calibration import from_json

_PAIR = re.compile(r"\[\s+([\d.e+-]+),\s+([\d.e+-]+)\s+\]")  # tracked files change line by line
_ONE, _MANY = Workers(1, 1, "one core"), Workers(10**9, 10**9, "as many as can work at once")


def calibrate(out: Console) -> int:
    """Write params/calibration.json from the results of the stores; the exit code.

    Beside the rates it holds what each notebook would compute with them at each profile, if nothing were stored.
    """
    try:
        found = foresee.rehearsed([])["rates"]
        rates = from_json(found, "results here")
        notebooks = {profile: _profile(profile, rates) for profile in _profiles()}
    except foresee.RehearsalFailed as error:
        report.line(out, f"not calibrated: {error}")
        return 1
    target = calibration_file()
    text = json.dumps(
        {"machine": _machine(), "notebooks": notebooks, "rates": found}, indent=1, sort_keys=True
    )
    write_atomically(target, _PAIR.sub(r"[\1, \2]", text) + "\n")
    report.line(out, f"{shown_path(target)}: rates of {len(found)} functions, {_machine()}")
    return 0


def _profiles() -> list[str]:
    folder = params_folder()
    return sorted({name for notebook in find_notebooks() for name in list_profiles(notebook.name, folder)})


def _profile(profile: str, rates: Mapping[tuple[str, str], Any]) -> dict[str, dict[str, list[float]]]:
    """Core-seconds of each study of each notebook, and those of its longest chain of work that nobody can share."""
    requests = choose(Wishes(profile=profile, device="cpu")).requests
    table: dict[str, dict[str, list[float]]] = {}
    for notebook in foresee.rehearsed(requests, anew=True)["notebooks"]:
        studies = {}
        for study in notebook["studies"]:
            one, many = (bill(_compiled(study["parts"]), rates, who) for who in (_ONE, _MANY))
            studies[study["study"]] = [_rounded(one.core_seconds), _rounded(many.wall_seconds)]
        table[notebook["notebook"]] = studies
    return table


def _compiled(parts: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The parts as if their kernels were compiled: what this machine has compiled says nothing of others."""
    return [{**part, "kernels": []} for part in parts]


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.3g}")


def _machine() -> str:
    """This machine in a line: processor, cores, system."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{model}, {core_count()} cores, {platform.system()}"
