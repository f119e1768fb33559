"""``--compare A B``: claims and numbers of two profiles, commits, folders, stores or devices side by side."""

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from companion.run.causes import libraries, said_of_libraries
from companion.run.compare_results import compare_results
from companion.run.differences import (
    Differences,
    compare_figures,
    compare_verdicts,
    read_claims,
    read_descriptions,
)
from companion.run.side_by_side import json_text, show
from companion.run.sides import Side, sides
from companion.settings.problems import Problem, SettingsError, did_you_mean, listed

DONE, VERDICTS = 0, 3


def compare_named(
    names: tuple[str, str],
    profile: str,
    out: Console,
    notebooks: Sequence[str] = (),
    only: Sequence[str] = (),
    *,
    strict: bool = False,
    as_json: bool = False,
) -> int:
    """Say what differs between the sides that ``names`` mean; the exit code, 3 where ``strict`` and a verdict does.

    ``profile`` is the one of commits and folders that name none; ``notebooks`` and ``only`` restrict what is
    compared; ``as_json`` is for scripts. Raises SettingsError for names that mean nothing, or too much.
    """
    wanted = [Path(name).stem for name in notebooks]
    with sides(*names, profile) as (a, b):
        _check_wanted(wanted, only, a, b)
        found = compare_sides(a, b, wanted, only)
    if as_json:
        typer.echo(json_text(found))
    else:
        show(out, found)
    return VERDICTS if strict and found.verdicts_changed else DONE


def compare_sides(a: Side, b: Side, notebooks: Sequence[str] = (), only: Sequence[str] = ()) -> Differences:
    """All that differs between two sides. Raises SettingsError where a file of verdicts is damaged."""
    both = a.figures is not None and b.figures is not None
    before, now = (read_claims(folder) if folder and both else {} for folder in (a.figures, b.figures))
    claims_compared, claims = compare_verdicts(before, now, notebooks, only)
    figures_compared, figures = compare_figures(a, b, notebooks, only)
    results_compared, results_only, results = compare_results(a, b)
    return Differences(
        names=(a.name, b.name),
        about=(a.about, b.about),
        libraries=said_of_libraries(libraries(a), libraries(b)) if both else (),
        claims_compared=claims_compared,
        claims=claims,
        figures_compared=figures_compared,
        figures=figures,
        results_compared=results_compared,
        results_only=results_only,
        results=results,
    )


def _check_wanted(notebooks: Sequence[str], only: Sequence[str], a: Side, b: Side) -> None:
    """Raise SettingsError, with the nearest right name, for notebooks and figures that neither side has."""
    described = [read_descriptions(side.figures) for side in (a, b) if side.figures]
    figures = {name for each in described for name in each}
    made_by = {str(figure.get("notebook", "")) for each in described for figure in each.values()}
    allowed = {
        "--compare": listed(sorted(made_by)),
        "--only": f"one of {len(figures)} figures (--list names them)",
    }
    problems = [
        Problem(option, None, None, "neither side has it", name, allowed[option], did_you_mean(name, known))
        for option, names, known in (("--compare", notebooks, made_by), ("--only", only, figures))
        for name in names
        if name not in known
    ]
    if problems:
        raise SettingsError(problems)
