"""What the page of one figure says."""

import shlex
from collections.abc import Iterator

from companion.session.progress import duration
from companion.site import formats
from companion.site.changes import comparisons, last_drawing
from companion.site.inventory import DrawnFigure, Inventory
from companion.site.material import Material
from companion.site.mathml import text_without_formulas
from companion.site.records import ClaimEntry, Drawing
from companion.site.verdicts import ClaimRow, claims_of_figure
from companion.site.views import Notebooks, View
from companion.store.costs import Spent, hours

_DOWNLOADS = {".pdf": "PDF", ".png": "PNG", ".csv": "Data (CSV)", ".json": "Provenance (JSON)"}


def figure_view(figure: DrawnFigure, material: Material, notebooks: Notebooks) -> View:
    """Everything known about one figure."""
    inventory = material.inventory
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
        "claims": list(_claims(figure, inventory, material.rows)),
        "command": _command(figure, run),
        "notebook_href": _notebook_href(figure, notebooks),
        "downloads": list(_downloads(figure)),
        "parameters": list(_parameters(figure, run)),
        "repeats": list(_repeats(figure)),
        "run": run,
        "run_note": run_note,
        "run_facts": list(_run_facts(run)) if run else [],
        "cost": list(_cost(material.costs.figures.get((figure.profile, figure.id), Spent()))),
        "comparisons": comparisons(figure, inventory, material.tracked),
        "citation": material.citations.of(figure.paper),
        "previous": shelf[place - 1] if place else None,
        "following": shelf[place + 1] if place + 1 < len(shelf) else None,
    }


def _described(figure: DrawnFigure) -> str:
    title = text_without_formulas(figure.title).rstrip(".")
    return f"{title}. {text_without_formulas(formats.first_sentence(figure.record.caption))}".strip()


def _run_of(figure: DrawnFigure, inventory: Inventory) -> tuple[Drawing | None, str]:
    """The drawing of this very figure on this machine; else None and why not."""
    if (drawing := last_drawing(figure, inventory)) is not None:
        return drawing, ""
    run = inventory.runs.get((figure.profile, figure.record.notebook))
    if run is None:
        return None, "Not run on this machine. The figure and its data come with the project."
    if figure.id not in run.figures or (figure.record.data_key or "") not in run.keys:
        return None, "The last run on this machine did not draw this figure from this result."
    return Drawing.model_validate(run.model_dump() | {"figure": figure.record}), ""


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


def _command(figure: DrawnFigure, run: Drawing | None) -> str:
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


def _parameters(figure: DrawnFigure, run: Drawing | None) -> Iterator[View]:
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


def _scope(run: Drawing) -> str:
    return f"for {', '.join(run.only)} only" if run.only else "the whole notebook"


def _cost(spent: Spent) -> Iterator[tuple[str, str]]:
    """What the results behind the figure cost when they were computed; nothing where that is not known here."""
    if not spent.known:
        return
    least = "at least " if spent.missing else ""
    yield "Cores", f"{least}{hours(spent.core_seconds)} core-hours ({duration(spent.core_seconds)})"
    yield "GPUs", f"{least}{hours(spent.gpu_seconds)} GPU-hours"
    yield "Computed within", f"{least}{duration(spent.wall_seconds)}"
    yield "Memory", f"up to {formats.size(spent.memory_kib * 1024)} in one process"
    known = f"{spent.results} results" if spent.results > 1 else "1 result"
    missing = f"; {spent.missing} more are not on this machine" if spent.missing else ""
    yield "On disk", f"{formats.size(spent.bytes)} in {known}{missing}"


def _run_facts(run: Drawing) -> Iterator[tuple[str, str]]:
    environment = run.environment
    facts = {
        "Commit": environment.get("commit"),
        "Host": environment.get("host"),
        "Platform": environment.get("platform"),
        "Device": run.device,
        "Finished": formats.moment(run.finished) if run.finished is not None else None,
        "Took": f"{duration(run.seconds)} ({_scope(run)})" if run.seconds is not None else None,
    }
    yield from ((name, str(value)) for name, value in facts.items() if value)
    versions = environment.get("versions")
    if isinstance(versions, dict):
        yield "Versions", ", ".join(f"{name} {version}" for name, version in versions.items())
