"""``--check``: figures and verdicts made just now against the tracked ones; nothing tracked is touched."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from companion.run.outcome import Outcome
from companion.run.report import line
from companion.session.current import figures_folder
from companion.session.files import write_json
from companion.session.root import build_folder

#: Numbers agree if they differ by at most this share of the larger one, or by the absolute amount.
RELATIVE, ABSOLUTE = 1e-6, 1e-9


def check_folder(profile: str) -> Path:
    """Where a check draws."""
    return build_folder() / "check" / profile


def fresh_folder(profile: str) -> Path:
    """The folder of a check, emptied, so that a figure which is not drawn any more is missed."""
    folder = check_folder(profile)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def report_differences(out: Console, profile: str, outcomes: Sequence[Outcome]) -> bool:
    """Say what differs between new and tracked figures and verdicts; True where nothing does."""
    tracked, fresh = figures_folder(profile), check_folder(profile)
    found: list[str] = []
    figures = 0
    for outcome in outcomes:
        if outcome.status == "done":
            names = figures_to_compare(outcome, tracked, fresh)
            figures += len(names)
            found += [text for name in names for text in _figure_differences(name, tracked, fresh)]
        else:
            found.append(f"{outcome.name}: not compared, it did not run to its end")
    found += _verdict_differences(outcomes, tracked, fresh)
    line(out)
    for text in found:
        line(out, text)
    verdicts = sum(len(outcome.verdicts) for outcome in outcomes)
    line(
        out,
        f"checked {figures} figures and {verdicts} verdicts: {f'{len(found)} differences' if found else 'as tracked'}",
    )
    line(
        out,
        f"(numbers to {RELATIVE:g} relative or {ABSOLUTE:g} absolute, all else exactly; new ones in {fresh})",
    )
    return not found


def figures_to_compare(outcome: Outcome, tracked: Path, fresh: Path) -> list[str]:
    """Ids of the figures that a notebook drew now or that are tracked as its own."""
    only = outcome.step.request.only
    files = [
        path for folder in (tracked, fresh) for path in folder.glob("*.json") if path.name != "claims.json"
    ]
    names = {path.stem for path in files if _read(path).get("notebook") == outcome.name}
    return sorted(name for name in names if not only or name in only)


def _figure_differences(name: str, tracked: Path, fresh: Path) -> Iterator[str]:
    # slow to import, and no run without --check needs it
    from companion.figures.comparison import compare_tables

    before, now = (_read(folder / f"{name}.json").get("parameters", {}) for folder in (tracked, fresh))
    if before and now:
        for parameter in sorted(before.keys() | now.keys()):
            if before.get(parameter) != now.get(parameter):
                yield f"figure {name}: parameter {parameter}: {now.get(parameter)} now, {before.get(parameter)} tracked"
    new_table, old_table = fresh / f"{name}.csv", tracked / f"{name}.csv"
    for difference in compare_tables(new_table, old_table, relative=RELATIVE, absolute=ABSOLUTE):
        yield f"figure {name}: {difference}"


def _verdict_differences(outcomes: Sequence[Outcome], tracked: Path, fresh: Path) -> Iterator[str]:
    """Verdicts against the tracked ones; those of notebooks that were not checked stand as they are."""
    from companion.figures.comparison import compare_verdicts

    complete = {o.name for o in outcomes if o.status == "done" and not o.step.request.only}
    before = _read(tracked / "claims.json")
    verdicts = {name: entry for name, entry in before.items() if entry.get("notebook") not in complete}
    for outcome in outcomes:
        verdicts |= outcome.verdicts
    if not verdicts and not before:
        return
    write_json(fresh / "claims.json", verdicts)
    for difference in compare_verdicts(fresh / "claims.json", tracked / "claims.json"):
        yield f"claim {difference}"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
