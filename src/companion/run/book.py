"""``--book FILE.pdf``: all figures of a profile, their captions and verdicts, in one PDF."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from companion.run.report import line
from companion.session.files import write_atomically
from companion.session.root import project_root
from companion.settings.problems import Problem, SettingsError, did_you_mean, listed
from companion.site.book import make_book
from companion.site.book_pages import numbered
from companion.site.inventory import DrawnFigure, Inventory, take_inventory
from companion.site.papers import paper_order
from companion.site.tracked import read_tracked
from companion.site.verdicts import claim_rows


def write_book(
    target: Path, profile: str, out: Console, notebooks: Sequence[str] = (), only: Sequence[str] = ()
) -> None:
    """Write the book of ``profile`` to ``target`` and say what it holds and what could be better.

    ``notebooks`` and ``only`` restrict the figures, and the claims to those of the figures. Raises SettingsError
    for a name that is no PDF's, a profile without figures, and notebooks and figures that it does not have.
    """
    root = project_root()
    _check_target(target)
    inventory = take_inventory(root)
    figures = _chosen(inventory, profile, [Path(name).stem for name in notebooks], only)
    entries = inventory.claims.get(profile, {})
    if notebooks or only:
        named = {name for figure in figures for name in figure.record.claims}
        shown = {figure.id for figure in figures}
        entries = {name: one for name, one in entries.items() if name in named or one.figure in shown}
    rows = claim_rows({profile: entries}, read_tracked(root, inventory).claims)
    book = make_book(profile, figures, rows)
    write_atomically(target, book.content)
    holds = f"{numbered(len(figures), 'figure')} and {numbered(len(rows), 'claim')} of {profile}"
    line(out, f"{target}: {holds} on {book.pages} pages")
    made_by = {figure.id: figure.record.notebook for figure in figures}
    for name, reason in book.substitutes.items():
        command = f"python run_all.py {made_by[name]} --profile {profile} --only {name}"
        line(out, f"    {name}: {reason}; its image stands in. To make it: {command}")
    for problem in inventory.problems:
        if problem.startswith(f"figures/{profile}/"):
            line(out, f"    left out: {problem}")


def _check_target(target: Path) -> None:
    if target.suffix.lower() != ".pdf":
        raise SettingsError(
            [Problem("--book", None, None, "the book is a PDF", str(target), "a name that ends in .pdf")]
        )
    if target.is_dir():
        raise SettingsError(
            [Problem("--book", None, None, "a file is needed, this is a folder", str(target))]
        )


def _chosen(
    inventory: Inventory, profile: str, notebooks: Sequence[str], only: Sequence[str]
) -> list[DrawnFigure]:
    figures = [figure for figure in inventory.figures if figure.profile == profile]
    if not figures:
        have = listed(list(dict.fromkeys(figure.profile for figure in inventory.figures))) or "none"
        said = "no figures at this profile"
        raise SettingsError(
            [Problem("--book", None, "--profile", said, profile, f"{have} (those with figures)")]
        )
    made_by = {figure.record.notebook for figure in figures}
    ids = {figure.id for figure in figures}
    problems = [
        Problem(
            option,
            None,
            None,
            f"no such figure at {profile}"
            if option == "--only"
            else f"no figures of this notebook at {profile}",
            name,
            None,
            did_you_mean(name, known),
        )
        for option, names, known in (("--book", notebooks, made_by), ("--only", only, ids))
        for name in names
        if name not in known
    ]
    if problems:
        raise SettingsError(problems)
    chosen = [
        figure
        for figure in figures
        if (not notebooks or figure.record.notebook in notebooks) and (not only or figure.id in only)
    ]
    return sorted(chosen, key=lambda figure: paper_order(figure.paper))
