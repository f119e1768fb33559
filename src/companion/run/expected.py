"""How long each notebook of a plan will take, told in a moment and without rehearsing it; quick ones come first.

The tracked calibration says what each study of a notebook costs from nothing; what is stored already is told by the
keys of the tracked figures, and the history of this machine says what whole runs took here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.run.history import read_history
from companion.run.plan import Request, Step
from companion.run.record import that_count
from companion.run.workforce import cluster_of, workers
from companion.session.current import figures_folder
from companion.session.root import project_root
from companion.store.artefacts import Address
from companion.store.fingerprint import counts_as_science

#: What starting a kernel, imports and drawing take where nothing is computed, unless this machine's history tells.
DRAWING_SECONDS = 12.0

#: Share of several cores that work on average, the others waiting for the last block: 67 core-minutes took 46 on two.
BUSY = 0.75

#: A run counts as one from nothing if it computed so many times more results than it read.
_FROM_NOTHING = 3


@dataclass(frozen=True)
class Expected:
    """Seconds that a step will take; ``told`` unless too little is known of them to be said.

    ``drawing`` are those in which one core works at most: notebooks that run at once share them.
    """

    seconds: float
    drawing: float = 0.0
    told: bool = True


def calibration_file() -> Path:
    """The tracked rates, and what each notebook computes with them."""
    return project_root() / "params" / "calibration.json"


def expected(steps: Sequence[Step], *, anew: bool = False) -> dict[str, Expected]:
    """What each of ``steps`` will take, by notebook; with ``anew`` nothing counts as stored."""
    table, history = _table(), list(read_history())
    return {step.request.name: _expected(step, table, history, anew=anew) for step in steps}


def quick_first(steps: Sequence[Step], times: Mapping[str, Expected]) -> list[Step]:
    """``steps`` by what they will take, so that a gallery fills early; the guided tour last."""

    def place(step: Step) -> tuple[bool, float, str]:
        return step.request.name == "tour", times[step.request.name].seconds, step.request.name

    return sorted(steps, key=place)


def together(times: Sequence[Expected], at_once: int) -> str:
    """What all of ``times`` come to, ``at_once`` notebooks at a time; at least, where one is not told."""
    computing = sum(time.seconds - time.drawing for time in times if time.told)
    drawing = sum(time.drawing for time in times) / min(at_once, len(times))
    least = "" if all(time.told for time in times) else "at least "
    return least + about(computing + drawing)


def about(seconds: float) -> str:
    """A span of time as it is told in advance.

    >>> about(7), about(44), about(100), about(2500), about(30000)
    ('about 10 s', 'about 40 s', 'about 2 min', 'about 40 min', 'about 8.5 h')
    """
    if seconds < 55:
        return f"about {max(10, round(seconds, -1)):.0f} s"
    if seconds < 5400:
        minutes = seconds / 60
        return f"about {round(minutes, -1) if minutes > 30 else max(1, round(minutes)):.0f} min"
    return f"about {round(seconds / 1800) / 2:g} h"


def _expected(
    step: Step, table: Mapping[str, Any], history: Sequence[Mapping[str, Any]], *, anew: bool
) -> Expected:
    request = step.request
    if step.hit:
        return Expected(0.0)
    before = [entry for entry in history if _is_like(entry, request)]
    cores = workers(cluster_of([request])).cores
    studies = table.get(request.profile, {}).get(request.name, {})
    at_work = cores * BUSY if cores > 1 else 1.0
    costs = {name: max(seconds / at_work, longest) for name, (seconds, longest) in studies.items()}
    whole = [
        entry["seconds"]
        for entry in before
        if not entry["only"] and entry["computed"] > _FROM_NOTHING * entry["read"]
    ]
    drawn = [entry["seconds"] for entry in before if not entry["computed"]]
    drawing = min([drawn[-1] if drawn else DRAWING_SECONDS, *whole[-1:]])
    computing = whole[-1] - drawing if whole else sum(costs.values())
    share = (
        _share_to_compute(request, costs) if not (anew or request.overridden or _code_changed(step)) else 1.0
    )
    told = bool(whole or not share or (costs and request.device == "cpu"))
    return Expected(drawing + share * computing, drawing, told)


def _is_like(entry: Mapping[str, Any], request: Request) -> bool:
    """Whether a line of the history is of the same notebook and profile, and came to its end."""
    same = (entry["notebook"], entry["profile"]) == (request.name, request.profile)
    return same and entry["status"] == "done" and not entry["overridden"]


def _code_changed(step: Step) -> bool:
    """Whether code that decides numbers is another than in the notebook's last run."""
    if step.record is None:
        return False
    before, now = step.record.modules, step.identity.modules
    return any(counts_as_science(name) and before.get(name) != now[name] for name in now)


def _share_to_compute(request: Request, costs: Mapping[str, float]) -> float:
    """The share of all costs whose results are not stored, as far as the tracked figures tell.

    Studies that no figure is drawn from count with the figures, as soon as one of these is to be computed.
    """
    drawn = {name: _description(request, name) for name in request.notebook.figure_ids}
    asked = request.only or tuple(drawn)
    lacking = {name for name in asked if not _is_stored(drawn[name], request)}
    if asked and not lacking:
        return 0.0
    functions = {name: (about or {}).get("data_function", "") for name, about in drawn.items()}
    needed = {functions[name] for name in lacking}
    spared = set(functions.values()) - needed
    everything = sum(costs.values())
    wanted = sum(seconds for study, seconds in costs.items() if study not in spared)
    return wanted / everything if everything else 1.0


def _description(request: Request, figure: str) -> Mapping[str, Any] | None:
    """What stands beside the tracked figure; None where it was never drawn."""
    try:
        return json.loads((figures_folder(request.profile) / f"{figure}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _is_stored(description: Mapping[str, Any] | None, request: Request) -> bool:
    """Whether the numbers of a figure, as it was last drawn with these parameters, are in a store."""
    if description is None:
        return False
    now = json.loads(json.dumps(that_count(request.parameters.values)))
    before = description.get("parameters", {})
    if any(before[name] != now[name] for name in before.keys() & now.keys()):
        return False
    return Address(description.get("data_function", ""), description.get("data_key", "")).find() is not None


def _table() -> Mapping[str, Any]:
    """Core-seconds and longest chain of each study, by profile, notebook and study; empty where nothing tells."""
    try:
        return json.loads(calibration_file().read_text(encoding="utf-8"))["notebooks"]
    except (OSError, ValueError, KeyError):
        return {}
