"""What each page says, as plain data for its template."""

import shlex
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from companion.session.progress import duration
from companion.site import formats
from companion.site.inventory import PROFILES, DrawnFigure, Inventory, profile_order
from companion.site.mathml import text_without_formulas
from companion.site.notebook_html import NotebookPage
from companion.site.papers import paper_of, paper_order
from companion.site.records import Attempt, ClaimEntry, RunRecord
from companion.site.verdicts import ClaimRow, claims_of_figure, counted

Notebooks = Mapping[tuple[str, str], NotebookPage]
"""Rendered notebooks by profile and name; the name of a failed attempt ends in ``.failed``."""
View = dict[str, Any]

_DOWNLOADS = {".pdf": "PDF", ".png": "PNG", ".csv": "Data (CSV)", ".json": "Provenance (JSON)"}


def index_view(inventory: Inventory, rows: list[ClaimRow]) -> View:
    """The grid of figures by paper and profile, with the verdicts of all claims counted."""
    groups = []
    for paper in sorted({figure.paper for figure in inventory.figures}, key=paper_order):
        mine = [figure for figure in inventory.figures if figure.paper == paper]
        shelves = [
            {
                "profile": profile,
                "purpose": PROFILES.get(profile, ""),
                "cards": [_card(f, inventory) for f in some],
            }
            for profile, some in groupby(mine, key=lambda figure: figure.profile)
        ]
        groups.append({"paper": paper, "shelves": shelves})
    return {
        "groups": groups,
        "number": len({figure.id for figure in inventory.figures}),
        "counts": counted([row.entry.verdict for row in rows]) if rows else {},
        "problems": inventory.problems,
        "failures": [
            {"name": attempt.name, "profile": profile}
            for profile in sorted(inventory.summaries, key=profile_order)
            for attempt in inventory.summaries[profile].notebooks
            if attempt.failure
        ],
    }


def figure_view(
    figure: DrawnFigure, inventory: Inventory, rows: list[ClaimRow], notebooks: Notebooks
) -> View:
    """Everything known about one figure."""
    run, run_note = _run_of(figure, inventory)
    shelf = [one for one in inventory.figures if (one.paper, one.profile) == (figure.paper, figure.profile)]
    place = shelf.index(figure)
    return {
        "figure": figure,
        "image_href": f"{figure.id}.png",
        "alt": _described(figure),
        "pdf_href": f"{figure.id}.pdf" if ".pdf" in figure.files else None,
        "elsewhere": [
            (one.profile, f"../{one.profile}/{one.id}.html")
            for one in inventory.figures
            if one.id == figure.id and one.profile != figure.profile
        ],
        "claims": list(_claims(figure, inventory, rows)),
        "command": _command(figure, run),
        "notebook_href": _notebook_href(figure, notebooks),
        "downloads": list(_downloads(figure)),
        "parameters": list(_parameters(figure, run)),
        "repeats": list(_repeats(figure)),
        "run": run,
        "run_note": run_note,
        "run_facts": list(_run_facts(run)) if run else [],
        "previous": shelf[place - 1] if place else None,
        "following": shelf[place + 1] if place + 1 < len(shelf) else None,
    }


def claims_view(inventory: Inventory, rows: list[ClaimRow]) -> View:
    """All claims by paper."""
    groups = [
        {"paper": paper, "rows": list(some)}
        for paper, some in groupby(rows, key=lambda row: paper_of(row.id))
    ]
    return {
        "groups": groups,
        "counts": counted([row.entry.verdict for row in rows]),
        "surprises": sum(row.entry.surprises for row in rows),
        "figure_hrefs": {row.id: href for row in rows if (href := _figure_href(row, inventory))},
    }


def notebooks_view(inventory: Inventory, notebooks: Notebooks) -> View:
    """Every notebook that was run on this machine, by profile, and how its last run failed if it did."""
    names: dict[str, dict[str, Attempt]] = {}
    for profile, summary in inventory.summaries.items():
        names[profile] = {attempt.name: attempt for attempt in summary.notebooks}
    for profile, name in [*inventory.runs, *notebooks]:
        whole = name.removesuffix(".failed")
        names.setdefault(profile, {}).setdefault(whole, Attempt(name=whole))
    shelves = [
        {
            "profile": profile,
            "notebooks": [
                _notebook(profile, attempt, inventory, notebooks) for attempt in names[profile].values()
            ],
        }
        for profile in sorted(names, key=profile_order)
    ]
    return {"shelves": shelves}


def _card(figure: DrawnFigure, inventory: Inventory) -> View:
    folder = f"figures/{figure.profile}/{figure.id}"
    entries = claims_of_figure(figure.id, figure.record.claims, inventory.claims.get(figure.profile, {}))
    alt = text_without_formulas(formats.first_sentence(figure.record.caption)) or text_without_formulas(
        figure.title
    )
    return {
        "figure": figure,
        "href": f"{folder}.html",
        "image": f"{folder}.png",
        "alt": alt,
        "claims": entries,
    }


def _described(figure: DrawnFigure) -> str:
    title = text_without_formulas(figure.title).rstrip(".")
    return f"{title}. {text_without_formulas(formats.first_sentence(figure.record.caption))}".strip()


def _run_of(figure: DrawnFigure, inventory: Inventory) -> tuple[RunRecord | None, str]:
    """The run that drew this very figure on this machine; else None and why not."""
    run = inventory.runs.get((figure.profile, figure.record.notebook))
    if run is None:
        return None, "Not run on this machine. The figure and its data come with the project."
    if figure.id not in run.figures or (figure.record.data_key or "") not in run.keys:
        return None, "The last run on this machine did not draw this figure from this result."
    return run, ""


def _claims(figure: DrawnFigure, inventory: Inventory, rows: list[ClaimRow]) -> Iterator[View]:
    deciding = {row.id: row for row in rows}
    entries = inventory.claims.get(figure.profile, {})
    for entry in claims_of_figure(figure.id, figure.record.claims, entries):
        row = deciding.get(entry.id)
        here = row is not None and row.profile == figure.profile
        yield {
            "entry": _worded(entry, row),
            "changed": row.changed if row and here else "",
            "elsewhere": row if row and not here else None,
            "standing": row.standing if row and here else "",
        }


def _worded(entry: ClaimEntry, row: ClaimRow | None) -> ClaimEntry:
    """A claim without a result at this profile, in the words that another profile knows."""
    if entry.statement or row is None:
        return entry
    words = {"statement": row.entry.statement, "criterion": row.entry.criterion, "version": row.entry.version}
    return entry.model_copy(update=words)


def _command(figure: DrawnFigure, run: RunRecord | None) -> str:
    if not figure.record.notebook:
        return ""
    words = ["python", "run_all.py", figure.record.notebook, "--profile", figure.profile, "--only", figure.id]
    for name, origin in sorted(run.origins.items()) if run else ():
        if origin == "--set" and name in figure.record.parameters:
            words += ["--set", f"{name}={formats.value(figure.record.parameters[name])}"]
    return shlex.join(words)


def _notebook_href(figure: DrawnFigure, notebooks: Notebooks) -> str | None:
    page = notebooks.get((figure.profile, figure.record.notebook))
    if page is None:
        return None
    anchor = f"#{figure.id}" if figure.id in page.anchors else ""
    return f"../../notebooks/{figure.profile}/{figure.record.notebook}.html{anchor}"


def _downloads(figure: DrawnFigure) -> Iterator[View]:
    for suffix, label in _DOWNLOADS.items():
        path = figure.files.get(suffix)
        href = f"{figure.id}{suffix}" if path else None
        yield {"label": label, "href": href, "size": formats.size(path.stat().st_size) if path else ""}


def _parameters(figure: DrawnFigure, run: RunRecord | None) -> Iterator[View]:
    origins = run.origins if run else {}
    for name, value in figure.record.parameters.items():
        yield {"name": name, "value": formats.value(value), "origin": origins.get(name, "")}


def _repeats(figure: DrawnFigure) -> Iterator[tuple[str, str]]:
    record = figure.record
    facts = {
        "Drawn from": record.data_key,
        "Made by": record.data_function,
        "Data digest": record.data_digest,
        "Other results used": ", ".join(key for key in record.keys if key != record.data_key),
        "Seed": record.seed,
        "Device": record.device,
    }
    yield from ((name, str(value)) for name, value in facts.items() if value not in (None, ""))


def _run_facts(run: RunRecord) -> Iterator[tuple[str, str]]:
    environment = run.environment
    facts = {
        "Commit": environment.get("commit"),
        "Host": environment.get("host"),
        "Platform": environment.get("platform"),
        "Device": run.device,
        "Finished": formats.moment(run.finished) if run.finished is not None else None,
        "Took": f"{duration(run.seconds)} (the whole notebook)" if run.seconds is not None else None,
    }
    yield from ((name, str(value)) for name, value in facts.items() if value)
    versions = environment.get("versions")
    if isinstance(versions, dict):
        yield "Versions", ", ".join(f"{name} {version}" for name, version in versions.items())


def _figure_href(row: ClaimRow, inventory: Inventory) -> str | None:
    """The claim's figure at the profile of the verdict, else at any other."""
    profiles = [figure.profile for figure in inventory.figures if figure.id == row.entry.figure]
    if not profiles:
        return None
    return f"figures/{row.profile if row.profile in profiles else profiles[0]}/{row.entry.figure}.html"


def _notebook(profile: str, attempt: Attempt, inventory: Inventory, notebooks: Notebooks) -> View:
    name = attempt.name
    page, failed = notebooks.get((profile, name)), notebooks.get((profile, f"{name}.failed"))
    run = inventory.runs.get((profile, name))
    return {
        "name": name,
        "title": (page.title if page else None) or name,
        "href": f"notebooks/{profile}/{name}.html" if page else None,
        "failed_href": f"notebooks/{profile}/{name}.failed.html" if failed else None,
        "failure": attempt.failure,
        "run": run,
        "figures": len(run.figures if run else attempt.figures),
    }
