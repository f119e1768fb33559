"""What a run came to: failures with their cells, a table, verdicts; on the console and in summary.json."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from companion.run.expected import Expected, about, together
from companion.run.outcome import Outcome
from companion.run.plan import Step
from companion.run.record import runs_folder
from companion.run.verdicts import counted
from companion.session.files import write_json
from companion.session.progress import duration
from companion.session.root import project_root
from companion.settings.notebook import list_notebooks
from companion.settings.problems import shown_path

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def line(console: Console, text: str = "") -> None:
    """One line of plain text, as it is."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def print_plan(
    console: Console,
    steps: Sequence[Step],
    times: Mapping[str, Expected] | None = None,
    *,
    at_once: int = 1,
) -> None:
    """What would run, why, and how long it will take, with ``at_once`` notebooks at a time."""
    times = times or {}
    for step in steps:
        name = step.request.name
        takes = f", {about(times[name].seconds)}" if name in times and times[name].told else ""
        line(console, f"{name}: {'nothing to do' if step.hit else 'run' + takes}")
        for text in (*step.reasons, *step.notes):
            line(console, f"    {text}")
    to_do = [times[step.request.name] for step in steps if not step.hit and times]
    if len(to_do) > 1:
        line(console, f"all of them: {together(to_do, at_once)}")


def print_failures(console: Console, outcomes: Iterable[Outcome]) -> None:
    """For each failed notebook its cell, the error, the source and the traceback."""
    for outcome in outcomes:
        failure, request = outcome.failure, outcome.step.request
        if failure is None:
            continue
        cell = f", cell [{failure['cell']}]" if failure["cell"] else ""
        place = shown_path(request.notebook.path) + (f":{failure['line']}" if failure.get("line") else "")
        line(console)
        line(console, f"{outcome.name} FAILED{cell}, {place}")
        line(console, f"{failure['ename']}: {failure['evalue']}")
        for text in failure["source"].splitlines():
            line(console, f"    | {text}")
        for text in failure["traceback"]:
            line(console, f"    {_COLOURS.sub('', text)}")
        if outcome.stopped is not None:
            line(console, f"the notebook as it stopped: {shown_path(outcome.stopped)}")


def print_table(console: Console, outcomes: Sequence[Outcome]) -> None:
    """A row per notebook, then a row per verdict."""
    table = Table("notebook", "status", "time", "figures", "claims", "verdicts", box=None)
    verdicts = Table("claim", "verdict", "value", box=None)
    for outcome in outcomes:
        entries = outcome.verdicts
        table.add_row(
            outcome.name,
            "unchanged" if outcome.status == "hit" else outcome.status,
            duration(outcome.seconds),
            str(len(outcome.figures)),
            str(len(entries)),
            counted(entries.values()),
        )
        for name, entry in sorted(entries.items()):
            surprise = " (unexpected)" if entry.get("unexpected") else ""
            verdicts.add_row(name, entry.get("verdict", "") + surprise, entry.get("value_text", ""))
    line(console)
    console.print(table, highlight=False, markup=False)
    if verdicts.row_count:
        line(console)
        console.print(verdicts, highlight=False, markup=False)


def write_summary(
    profile: str,
    outcomes: Sequence[Outcome],
    *,
    started: float,
    seconds: float,
) -> None:
    """Leave build/runs/<profile>/summary.json; notebooks that were not asked for keep their former entry."""
    notebooks = [
        {
            "name": outcome.name,
            "status": outcome.status,
            "reason": "; ".join(outcome.step.reasons),
            "seconds": round(outcome.seconds, 2),
            "figures": outcome.figures,
            "failure": outcome.failure and _without_colours(outcome.failure),
        }
        for outcome in outcomes
    ]
    names = {outcome.name for outcome in outcomes}
    notebooks += [entry for entry in _former_entries(profile) if entry["name"] not in names]
    notebooks.sort(key=lambda entry: entry["name"])
    claims = {name: entry for outcome in outcomes for name, entry in outcome.verdicts.items()}
    content = {
        "started": started,
        "seconds": seconds,
        "profile": profile,
        "notebooks": notebooks,
        "claims": claims,
    }
    write_json(runs_folder(profile) / "summary.json", content)


def _former_entries(profile: str) -> list[dict[str, Any]]:
    """Entries of the summary as it is, of notebooks that still exist."""
    try:
        summary = json.loads((runs_folder(profile) / "summary.json").read_text(encoding="utf-8"))
        entries = [entry for entry in summary["notebooks"] if isinstance(entry["name"], str)]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    existing = {path.stem for path in list_notebooks(project_root() / "notebooks")}
    return [entry for entry in entries if entry["name"] in existing]


def _without_colours(failure: Mapping[str, Any]) -> dict[str, Any]:
    return {**failure, "traceback": [_COLOURS.sub("", text) for text in failure["traceback"]]}
