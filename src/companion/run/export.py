"""``--export FIGURE DIR``: a figure for a paper, drawn again from its stored data, with its claims as LaTeX macros."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from companion.run.choose import Choice, Wishes, choose
from companion.run.estimate import in_words
from companion.run.execute import Manner, execute
from companion.run.follow import audience
from companion.run.foresee import RehearsalFailed, foresee
from companion.run.macros import macros
from companion.run.outcome import Outcome
from companion.run.page_width import inches_of, width_problems
from companion.run.plan import Request, make_plan
from companion.run.report import line, print_failures
from companion.run.workforce import cluster_of, workers
from companion.session import provenance
from companion.session.current import figures_folder
from companion.session.files import write_atomically
from companion.session.root import build_folder
from companion.settings.problems import Problem, SettingsError
from companion.site.inventory import natural_order, parse_claims
from companion.site.records import ClaimEntry
from companion.site.verdicts import claims_of_figure
from companion.store.durable import NotStored

#: What stands for every figure.
ALL = "all"
_CLAIMS_FILE = "claims.tex"
_INTERRUPTED = 130


@dataclass(frozen=True)
class _Page:
    """What is exported of one figure: its files, and what was written down beside them."""

    id: str
    pdf: bytes
    table: bytes
    about: Mapping[str, Any]


def export(asked: tuple[str, Path], wishes: Wishes, width: str | None, out: Console, *, jobs: int = 1) -> int:
    """Write PDF, CSV and macros of the figure ``asked`` for, or of all, to the folder beside it; the exit code.

    Figures are as wide as ``width`` says, or as they were made. Nothing is computed: where a result is not in the
    store, it is said which and what it would cost, and nothing is written. Raises SettingsError for bad input.
    """
    figure, folder = asked
    choice = _choose(figure, folder, wishes, width)
    build_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="export-", dir=build_folder()) as drawn:
        manner = Manner(
            wishes.profile,
            jobs,
            check_folder=Path(drawn),
            export=True,
            width=None if width is None else inches_of(width),
        )
        with audience(out) as listener:
            outcomes = execute(make_plan(choice.requests, because="--export"), manner, listener)
        if any(outcome.status != "done" for outcome in outcomes):
            return _say_why_not(outcomes, wishes, out)
        wanted = None if figure == ALL else figure
        pages = [page for page in _pages(Path(drawn)) if wanted in (None, page.id)]
    verdicts = _verdicts(wishes.profile, outcomes)
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages:
        _write(page, folder, verdicts, wishes)
        _say(page, folder, out)
    if figure == ALL:
        heading = [f"All claims at profile {wishes.profile}.", *_origin()]
        entries = [verdicts[name] for name in sorted(verdicts, key=natural_order)]
        write_atomically(folder / _CLAIMS_FILE, macros(entries, heading, wishes.profile))
        line(out, f"{_CLAIMS_FILE}: {len(entries)} claims")
    if provenance.commit().endswith("+changes"):
        line(
            out,
            "the project has changes that are not committed: commit them, and export again, before you publish",
        )
    return 0


def _choose(figure: str, folder: Path, wishes: Wishes, width: str | None) -> Choice:
    """The notebooks to draw from. Raises SettingsError with all that is wrong at once."""
    problems = width_problems(width)
    if wishes.only:
        problems.append(Problem("--only", None, None, "not together with --export, which names its figure"))
    if folder.exists() and not folder.is_dir():
        allowed = "a folder, which is made where there is none"
        problems.append(Problem("--export", None, None, "no folder to write to", str(folder), allowed))
    only = () if figure == ALL else (figure,)
    try:
        # Nothing is computed, so that nobody else has to work.
        choice = choose(replace(wishes, only=only, cluster="inline"))
    except SettingsError as error:
        of_figure = f"--only {figure}"
        problems += [
            replace(problem, file=f"--export {figure}") if problem.file == of_figure else problem
            for problem in error.problems
        ]
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return choice


def _say_why_not(outcomes: Sequence[Outcome], wishes: Wishes, out: Console) -> int:
    """Results that are missing, with what they would cost; other failures as a run tells them."""
    if any(outcome.status == "interrupted" for outcome in outcomes):
        return _INTERRUPTED
    missing = [one for one in outcomes if one.failure and one.failure["ename"] == NotStored.__name__]
    print_failures(out, [outcome for outcome in outcomes if outcome not in missing])
    for outcome in missing:
        assert outcome.failure is not None
        line(out, f"{outcome.name}: nothing exported, {outcome.failure['evalue']}")
    requests = [outcome.step.request for outcome in missing]
    if requests:
        _say_cost(requests, out)
        line(out, f"compute first, then export: {_command(requests, wishes)}")
    return 1


def _say_cost(requests: Sequence[Request], out: Console) -> None:
    try:
        foreseen = foresee(requests)
    except RehearsalFailed as error:
        line(out, f"what that would cost could not be estimated: {error}")
        return
    number = sum(part["missing"] for part in foreseen.parts)
    total = foreseen.total(workers(cluster_of(requests)))
    line(out, f"{number} results would have to be computed: {in_words(total)}")


def _command(requests: Sequence[Request], wishes: Wishes) -> str:
    only = [f"--only {name}" for name in dict.fromkeys(name for one in requests for name in one.only)]
    names = [request.name for request in requests]
    sets = [f"--set {text}" for text in wishes.overrides]
    return " ".join(["python run_all.py", *names, f"--profile {wishes.profile}", *only, *sets])


def _pages(drawn: Path) -> list[_Page]:
    """The figures that the notebooks left, in their order."""
    found = []
    for path in sorted(drawn.glob("*.json"), key=lambda path: natural_order(path.stem)):
        about = json.loads(path.read_text(encoding="utf-8"))
        pdf, table = (path.with_suffix(suffix).read_bytes() for suffix in (".pdf", ".csv"))
        found.append(_Page(path.stem, pdf, table, about))
    return found


def _verdicts(profile: str, outcomes: Sequence[Outcome]) -> dict[str, ClaimEntry]:
    """Every verdict of the profile; those that were just judged, from the results that were drawn, count."""
    path = figures_folder(profile) / "claims.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    overridden = any(outcome.step.request.overridden for outcome in outcomes)
    judged = {name: entry for outcome in outcomes for name, entry in outcome.verdicts.items()}
    return parse_claims(judged if overridden else {**known, **judged})[0]


def _write(page: _Page, folder: Path, verdicts: Mapping[str, ClaimEntry], wishes: Wishes) -> None:
    about = page.about
    entries = claims_of_figure(page.id, tuple(about["claims"]), verdicts)
    changed = f", with {', '.join(wishes.overrides)}" if wishes.overrides else ""
    heading = [
        f"Claims of {page.id} ({about['title']}), profile {about['profile']}{changed}.",
        f"Drawn from {about['data_function']} {about['data_key'][:12]} ({about['device']}), "
        f"content {about['data_digest'][:12]}.",
        *_origin(),
    ]
    write_atomically(folder / f"{page.id}.pdf", page.pdf)
    write_atomically(folder / f"{page.id}.csv", page.table)
    write_atomically(folder / f"{page.id}.tex", macros(entries, heading, about["profile"]))


def _origin() -> list[str]:
    return [
        f"Written by companion, commit {provenance.commit()}: do not edit, export again.",
        "Macros end in Value, Low and High (ends of the interval), Verdict, Text and Replicates.",
        r"\textbf{??} stands where there is none.",
    ]


def _say(page: _Page, folder: Path, out: Console) -> None:
    on_page = page.about.get("page")
    size = f", {on_page['width']:.2f} x {on_page['height']:.2f} in" if on_page else ""
    line(out, f"{page.id}: {folder / page.id}.pdf, .csv and .tex{size}")
    if on_page and on_page["flaws"]:
        flaws = on_page["flaws"]
        more = f" and {len(flaws) - 2} more" if len(flaws) > 2 else ""
        from_width = on_page.get("readable_from")
        advice = f"; it can be read from --width {from_width:g}in on" if from_width else ""
        line(out, f"    hard to read at this width: {'; '.join(flaws[:2])}{more}{advice}")
