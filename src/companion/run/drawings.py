"""What each figure was when it was last drawn here, and the time before: build/runs/<profile>/drawn/<figure>.json."""

import json
import time
from pathlib import Path
from typing import Any

from companion.run.outcome import Outcome
from companion.run.record import runs_folder
from companion.session import provenance
from companion.session.current import figures_folder
from companion.session.files import write_json
from companion.store.content import file_digest


def drawing_path(profile: str, figure: str) -> Path:
    """The file of the last two drawings of a figure."""
    return runs_folder(profile) / "drawn" / f"{figure}.json"


def note_drawings(outcome: Outcome) -> None:
    """Keep of each figure that a notebook drew what it was drawn from, and what the drawing before it was.

    Runs for some figures only, and failed ones, count: their figures are in place. Where the disk refuses, the
    outcome says so.
    """
    for figure in outcome.figures:
        path = drawing_path(outcome.step.request.profile, figure)
        try:
            before = _last(path)
            write_json(path, {"now": _drawing(figure, outcome, before), "before": before})
        except (OSError, ValueError) as error:
            outcome.remarks.append(f"{figure}: what changed in it is not kept ({error})")


def _drawing(figure: str, outcome: Outcome, before: dict[str, Any] | None) -> dict[str, Any]:
    request = outcome.step.request
    folder = figures_folder(request.profile)
    description = json.loads((folder / f"{figure}.json").read_text(encoding="utf-8"))
    return {
        "notebook": request.name,
        "only": list(request.only),
        "origins": dict(request.parameters.origins),
        "device": request.device,
        "seconds": round(outcome.seconds, 2),
        "finished": time.time(),
        "environment": provenance.environment(),
        "figure": description,
        "picture": file_digest(folder / f"{figure}.png"),
        "verdicts": (before or {}).get("verdicts", {}) | _verdicts(figure, description, outcome),
    }


def _verdicts(figure: str, description: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    """What the run recorded on the claims of a figure: those that it lists, and those that name it."""
    return {
        name: entry
        for name, entry in outcome.verdicts.items()
        if name in description.get("claims", ()) or entry.get("figure") == figure
    }


def _last(path: Path) -> dict[str, Any] | None:
    """The drawing that the file tells of as the last one; None where there is none that can be read."""
    try:
        drawing = json.loads(path.read_text(encoding="utf-8"))["now"]
        return drawing if isinstance(drawing["verdicts"], dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
