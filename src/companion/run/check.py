"""``--check``: figures and verdicts made just now against the tracked ones; nothing tracked is touched."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from companion.run.outcome import Outcome, Verdicts
from companion.run.report import line
from companion.session.current import figures_folder
from companion.session.files import write_json
from companion.session.provenance import library_versions
from companion.session.root import build_folder
from companion.settings.problems import shown_path


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
    """Say what differs between the tracked figures and verdicts and the new ones; True where nothing does.

    Numbers that differ by less than TOLERANCE are shown and agree.
    """
    # slow to import, and no run without --check needs it
    from companion.figures.comparison import ROUNDING, TOLERANCE
    from companion.run.causes import libraries, said_of_libraries
    from companion.run.differences import Differences, compare_figures, compare_verdicts, read_claims
    from companion.run.side_by_side import show
    from companion.run.sides import Side

    tracked = Side(
        "tracked",
        f"tracked figures and verdicts ({shown_path(figures_folder(profile))})",
        figures_folder(profile),
    )
    fresh = Side("now", f"made now ({shown_path(check_folder(profile))})", check_folder(profile))
    done = [outcome for outcome in outcomes if outcome.status == "done"]
    parts = [(outcome.name, outcome.step.request.only) for outcome in done]
    entries = read_claims(figures_folder(profile)), _verdicts_now(outcomes, profile)
    compared = [compare_figures(tracked, fresh, [name], only) for name, only in parts]
    judged = compare_verdicts(*entries)
    versions = said_of_libraries(libraries(tracked), (library_versions(), "this environment"))
    found = Differences(
        names=(tracked.name, fresh.name),
        about=(tracked.about, fresh.about),
        libraries=versions,
        claims_compared=judged[0],
        claims=judged[1],
        figures_compared=sum(count for count, _ in compared),
        figures=tuple(figure for _, figures in compared for figure in figures),
    )
    line(out)
    show(out, found)
    unfinished = [outcome.name for outcome in outcomes if outcome.status != "done"]
    for name in unfinished:
        line(out, f"{name}: not compared, it did not run to its end")
    changed = len(unfinished) + sum(not claim.slight for claim in found.claims)
    changed += sum(figure.beyond_tolerance or bool(figure.parameters) for figure in found.figures)
    verdicts = sum(len(outcome.verdicts) for outcome in outcomes)
    figures = found.figures_compared + sum(bool(figure.only) for figure in found.figures)
    came_to = f"{changed} differ" if changed else "as tracked"
    line(out, f"checked {figures} figures and {verdicts} verdicts: {came_to}")
    line(out, f"(numbers to {TOLERANCE:g} relative or {ROUNDING:g} absolute, all else exactly)")
    return not changed


def _verdicts_now(outcomes: Sequence[Outcome], profile: str) -> Verdicts:
    """Verdicts made now, and the tracked ones of notebooks that were not checked from end to end, as a file too."""
    from companion.run.differences import read_claims

    complete = {each.name for each in outcomes if each.status == "done" and not each.step.request.only}
    before = read_claims(figures_folder(profile))
    verdicts = {name: entry for name, entry in before.items() if entry.get("notebook") not in complete}
    for outcome in outcomes:
        verdicts |= outcome.verdicts
    if verdicts or before:
        write_json(check_folder(profile) / "claims.json", verdicts)
    return verdicts
