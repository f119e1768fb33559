"""The verdicts of a run: merged into the tracked file, counted, judged for ``--strict``."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from companion.claims.protocol import VERDICTS
from companion.claims.register import merge_claims
from companion.run.commits import file_at
from companion.run.outcome import Outcome
from companion.run.record import overridden_folder, runs_folder
from companion.session.current import figures_folder
from companion.session.files import write_json

Entry = Mapping[str, Any]


def merge(profile: str, outcomes: Iterable[Outcome]) -> None:
    """Bring figures/<profile>/claims.json up to date, and the verdicts on overridden parameters beside their figures.

    Raises ValueError where a file of verdicts is damaged.
    """
    outcomes = list(outcomes)
    usual = [outcome for outcome in outcomes if not outcome.step.request.overridden]
    overridden = [outcome for outcome in outcomes if outcome.step.request.overridden]
    if usual or not overridden:
        merge_claims(runs_folder(profile), figures_folder(profile), _committed(profile), _complete(usual))
    if overridden:
        folder = overridden_folder(profile)
        complete = _complete(overridden)
        for outcome in overridden:
            if outcome.verdicts or outcome.name in complete:
                write_json(folder / f"{outcome.name}.claims.json", outcome.verdicts)
        merge_claims(folder, folder, _committed(profile), complete)


def _complete(outcomes: Iterable[Outcome]) -> list[str]:
    """Names of the notebooks that ran from the first to the last cell."""
    return [
        outcome.name for outcome in outcomes if outcome.status == "done" and not outcome.step.request.only
    ]


def _committed(profile: str) -> dict[str, dict[str, Any]] | None:
    """The verdicts under version control; None without git, or where there are none yet."""
    text = file_at("HEAD", f"figures/{profile}/claims.json")
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None


def counted(entries: Iterable[Entry]) -> str:
    """Verdicts as a table shows them.

    >>> counted([{"verdict": "holds"}, {"verdict": "holds"}, {"verdict": "fails", "unexpected": True}])
    '2 hold, 1 fails (1 unexpected)'
    """
    entries = list(entries)
    said = []
    for verdict in VERDICTS:
        number = sum(entry.get("verdict") == verdict for entry in entries)
        if number:
            said.append(f"{number} {verdict.removesuffix('s') if number > 1 else verdict}")
    surprises = sum(bool(entry.get("unexpected")) for entry in entries)
    return ", ".join(said) + (f" ({surprises} unexpected)" if surprises else "")


def breaks_strict(entry: Entry) -> bool:
    """Whether ``--strict`` refuses a verdict: one that surprises, or none where there should be one.

    A claim that waits for a larger profile is refused nowhere; one registered to fail may fail.

    >>> breaks_strict({"verdict": "not evaluated", "decides": True, "notes": []})
    True
    >>> breaks_strict({"verdict": "not evaluated", "decides": False, "notes": ["needs night"]})
    False
    """
    if entry.get("unexpected"):
        return True
    waits = not entry.get("decides", True) and any(
        note.startswith("needs ") for note in entry.get("notes", ())
    )
    return entry.get("verdict") == "not evaluated" and not waits
