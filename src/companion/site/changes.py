"""What changed in a figure: numbers, parameters, verdicts, libraries, picture and words, before and now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from companion.site import formats
from companion.site.inventory import DrawnFigure, Inventory
from companion.site.records import ClaimEntry, Drawing, FigureRecord
from companion.site.tracked import Tracked
from companion.site.verdicts import claims_of_figure, measured

_SHORT = 12


@dataclass(frozen=True)
class Change:
    """One thing that is another one now."""

    what: str
    before: str
    now: str


@dataclass(frozen=True)
class Comparison:
    """A figure beside another state of itself: ``with_what`` names that state, ``note`` says what is not known.

    ``changes`` are those of what the figure shows and says, ``circumstances`` those of where and with what it was made.
    """

    with_what: str
    changes: tuple[Change, ...] = ()
    circumstances: tuple[Change, ...] = ()
    note: str = ""


def last_drawing(figure: DrawnFigure, inventory: Inventory) -> Drawing | None:
    """The last drawing of ``figure`` on this machine, if it is the one on disk; else None."""
    record = inventory.drawn.get((figure.profile, figure.id))
    if record is None or not _same_result(record.now.figure, figure.record):
        return None
    return record.now


def comparisons(figure: DrawnFigure, inventory: Inventory, tracked: Tracked) -> list[Comparison]:
    """The figure beside its drawing before the last one on this machine, and beside the committed one."""
    return [_with_former_run(figure, inventory), _with_commit(figure, inventory, tracked)]


def _with_former_run(figure: DrawnFigure, inventory: Inventory) -> Comparison:
    record = inventory.drawn.get((figure.profile, figure.id))
    if record is None:
        return Comparison(
            "the run before", note="No run of this machine has kept a record of its figures yet."
        )
    if last_drawing(figure, inventory) is None:
        return Comparison(
            "the run before", note="The last run on this machine drew another figure than this one."
        )
    now, before = record.now, record.before
    if before is None:
        return Comparison("the run before", note="It was drawn once on this machine: there is no run before.")
    changes = [
        *_verdict_changes(before.verdicts, now.verdicts),
        *_figure_changes(before.figure, now.figure),
        *_picture_change(now.picture == before.picture, before.figure, now.figure),
    ]
    circumstances = _environment_changes(before.environment, now.environment)
    return Comparison(f"the run of {formats.moment(before.finished)}", tuple(changes), tuple(circumstances))


def _with_commit(figure: DrawnFigure, inventory: Inventory, tracked: Tracked) -> Comparison:
    place = figure.profile, figure.id
    if not tracked.known:
        return Comparison(
            "the last commit", note="There is no version control here, or nothing is committed."
        )
    if place not in tracked.figures:
        return Comparison("the last commit", note="This figure is not committed.")
    before = tracked.figures[place]
    claims = tracked.claims.get(figure.profile, {})
    now = inventory.claims.get(figure.profile, {})
    changes = [
        *_verdict_changes(_about(figure, claims), _about(figure, now)),
        *_figure_changes(before, figure.record),
        *_picture_change(tracked.same_picture(figure), before, figure.record),
    ]
    return Comparison("the last commit", tuple(changes))


def _about(figure: DrawnFigure, entries: Mapping[str, ClaimEntry]) -> dict[str, ClaimEntry]:
    found = claims_of_figure(figure.id, figure.record.claims, entries)
    return {entry.id: entry for entry in found if entry.id in entries}


def _same_result(one: FigureRecord, other: FigureRecord) -> bool:
    return (one.data_key, one.data_digest, one.keys) == (other.data_key, other.data_digest, other.keys)


def _verdict_changes(before: Mapping[str, ClaimEntry], now: Mapping[str, ClaimEntry]) -> Iterator[Change]:
    """Changes of verdicts first, of measured values after them."""
    for name, entry in now.items():
        former = before.get(name)
        if former is None or former.verdict != entry.verdict:
            yield Change(f"Verdict on {name}", former.verdict if former else "none", entry.verdict)
    for name, entry in now.items():
        former = before.get(name)
        if former and measured(former) != measured(entry):
            yield Change(f"Measured for {name}", measured(former) or "nothing", measured(entry) or "nothing")
        if former and (former.version, former.criterion) != (entry.version, entry.criterion):
            yield Change(f"Criterion of {name}", f"version {former.version}", f"version {entry.version}")
    for name in sorted(before.keys() - now.keys()):
        yield Change(f"Verdict on {name}", before[name].verdict, "none")


def _figure_changes(before: FigureRecord, now: FigureRecord) -> Iterator[Change]:
    if before.data_digest != now.data_digest:
        yield Change("Data digest", _short(before.data_digest), _short(now.data_digest))
    if before.data_key != now.data_key:
        told = " (the same numbers)" if before.data_digest == now.data_digest else ""
        yield Change("Result", _short(before.data_key), _short(now.data_key) + told)
    for name in sorted(before.parameters.keys() | now.parameters.keys()):
        values = tuple(_parameter(record.parameters, name) for record in (before, now))
        if values[0] != values[1]:
            yield Change(f"Parameter {name}", *values)
    for what in ("device", "title", "caption", "equation"):
        former, present = getattr(before, what), getattr(now, what)
        if former != present:
            yield Change(what.capitalize(), former or "none", present or "none")


def _picture_change(same: bool, before: FigureRecord, now: FigureRecord) -> Iterator[Change]:
    """A picture that is drawn otherwise from the same numbers; of others it goes without saying."""
    if not same and before.data_digest == now.data_digest:
        yield Change("Picture", "drawn otherwise", "from the same numbers")


def _environment_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    for what in ("commit", "host", "platform"):
        former, present = (str(environment.get(what) or "unknown") for environment in (before, now))
        if former != present:
            yield Change(what.capitalize(), former, present)
    versions = [_versions(environment) for environment in (before, now)]
    for name in sorted(versions[0].keys() | versions[1].keys()):
        former, present = (known.get(name, "none") for known in versions)
        if former != present:
            yield Change(f"Version of {name}", former, present)


def _versions(environment: Mapping[str, Any]) -> dict[str, str]:
    found = environment.get("versions")
    return {str(name): str(version) for name, version in found.items()} if isinstance(found, dict) else {}


def _parameter(parameters: Mapping[str, Any], name: str) -> str:
    return formats.value(parameters[name]) if name in parameters else "not there"


def _short(digest: str | None) -> str:
    return digest[:_SHORT] if digest else "none"
