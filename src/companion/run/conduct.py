"""One run from the user's wishes to the exit code."""

import contextlib
import os
import shlex
import sys
import time
import traceback
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.console import Console

from companion.compute.cluster_settings import cluster_names, read_cluster
from companion.compute.login_node import check_login_node
from companion.run import check, gallery, report, verdicts
from companion.run.choose import Wishes, choose
from companion.run.detached import finished_before, starts_before
from companion.run.execute import Audience, Manner, execute
from companion.run.expected import expected, quick_first
from companion.run.follow import audience
from companion.run.growing import GrowingGallery
from companion.run.history import DETACHED_VARIABLE
from companion.run.outcome import Outcome, of_hit
from companion.run.plan import Step, make_plan
from companion.run.record import overridden_folder
from companion.run.room import check_disk
from companion.run.spans import seconds_of
from companion.session.files import DISK_REFUSALS
from companion.session.progress import duration
from companion.settings.problems import shown_path

DONE, FAILED, BAD_INPUT, CLAIMS, RESUMABLE, INTERRUPTED = 0, 1, 2, 3, 75, 130


@dataclass(frozen=True)
class Ways:
    """How a run goes about it."""

    jobs: int = 1
    force: bool = False
    dry_run: bool = False
    strict: bool = False
    check: bool = False

    @property
    def because(self) -> str | None:
        """The reason to run what has not changed, too, if there is one."""
        return "--check" if self.check else "--force" if self.force else None


def console() -> Console:
    """Standard output; lines are never cut where it is not a terminal."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=160, no_color=True)


def conduct(wishes: Wishes, ways: Ways) -> int:
    """Plan, execute and report; the exit code. Raises SettingsError before any work where wishes are wrong."""
    started, clock, out = time.time(), time.monotonic(), console()
    choice = choose(wishes)
    for name in choice.left_out:
        report.line(out, f"{name}: left out, it has no profile {wishes.profile!r}")
    before = finished_before()
    steps = make_plan(choice.requests, because=ways.because, settled=before)
    times = expected(steps, anew=ways.force or ways.check)
    steps = quick_first(steps, times)
    report.print_plan(out, steps, times, at_once=ways.jobs)
    if ways.dry_run:
        return DONE
    check_start(out, steps, ways)
    limit = None if wishes.time_limit is None else seconds_of(wishes.time_limit)
    outcomes = _execute(steps, wishes.profile, ways, out, limit)
    report.print_failures(out, outcomes)
    if ways.check:
        agree = check.report_differences(out, wishes.profile, outcomes)
        return _code(outcomes, ways, before) or (DONE if agree else FAILED)
    code = _code(outcomes, ways, before)
    try:
        verdicts.merge(wishes.profile, outcomes)
    except ValueError as error:
        report.line(out, f"verdicts not merged: {error}")
        code = code or FAILED
    report.print_table(out, outcomes)
    seconds = time.monotonic() - clock
    usual = [outcome for outcome in outcomes if not outcome.step.request.overridden]
    if usual:
        report.write_summary(wishes.profile, usual, started=started, seconds=seconds)
    if len(usual) < len(outcomes):
        folder = shown_path(overridden_folder(wishes.profile))
        report.line(out, f"\nfigures and verdicts of overridden parameters: {folder}; the tracked ones stand")
    if code == INTERRUPTED:
        report.line(out, f"\ninterrupted after {duration(seconds)}; finished results are kept.")
        report.line(out, _how_to_go_on(ways))
        return code
    if code == RESUMABLE:
        kept = "finished results and checkpoints are kept"
        report.line(out, f"\nsaved and stopped after {duration(seconds)}; {kept}.")
        report.line(out, _how_to_go_on(ways))
        return code
    return _show_gallery(out) or code


def check_start(out: Console, steps: Sequence[Step], ways: Ways) -> None:
    """Before anything is started: can jobs be submitted from here, and is there room for the results?

    Raises SettingsError where not. A run that is queued again has been through this.
    """
    to_do = [step.request for step in steps if not step.hit]
    clusters = {request.parameters.values["cluster"] for request in to_do}
    for name in sorted(clusters.intersection(cluster_names())):
        check_login_node(read_cluster(name))
    if not starts_before():
        check_disk(out, to_do, anew=ways.force)


def _execute(
    steps: Sequence[Step], profile: str, ways: Ways, out: Console, limit: float | None
) -> list[Outcome]:
    """Outcomes of all steps, in their order; nothing is started where nothing is to do."""
    to_do = [step for step in steps if not step.hit]
    outcomes = {step.request.name: of_hit(step) for step in steps if step.hit}
    if to_do:
        folder = check.fresh_folder(profile) if ways.check else None
        with audience(out) as shown, _growing(shown, profile, ways) as listener:
            executed = execute(to_do, Manner(profile, ways.jobs, ways.force, folder, limit), listener)
        outcomes |= {outcome.name: outcome for outcome in executed}
    return [outcomes[step.request.name] for step in steps]


def _growing(shown: Audience, profile: str, ways: Ways) -> contextlib.AbstractContextManager[Audience]:
    """The gallery grows with a run; what --check makes aside is not in it."""
    return contextlib.nullcontext(shown) if ways.check else GrowingGallery(shown, profile)


def _code(outcomes: Sequence[Outcome], ways: Ways, before: Collection[str]) -> int:
    """The exit code; ``before`` are notebooks that earlier starts of this run finished."""
    statuses = {outcome.status for outcome in outcomes}
    if "interrupted" in statuses:
        return INTERRUPTED
    if "resumable" in statuses:
        # A run that got nowhere in its time would get nowhere again: it must not be requeued for ever. Some notebooks
        # are executed whenever it starts, those of --check and --set among them: done once more is nowhere.
        finished = {one.name for one in outcomes if one.status == "done" and not ways.check} - set(before)
        advanced = finished or any(one.computed or one.saved for one in outcomes)
        return RESUMABLE if advanced else INTERRUPTED
    if "failed" in statuses:
        return FAILED
    entries = [entry for outcome in outcomes for entry in outcome.verdicts.values()]
    return CLAIMS if ways.strict and any(map(verdicts.breaks_strict, entries)) else DONE


def _show_gallery(out: Console) -> int:
    """Bring the gallery up to date and say where it is; 1 where a file cannot be written or understood."""
    try:
        index = gallery.refresh()
    except (OSError, ValueError) as error:  # a full disk, a damaged record: results must not seem lost
        refused = isinstance(error, OSError) and error.errno in DISK_REFUSALS
        if not refused:
            traceback.print_exc()
        why = f" ({error})" if refused else ""
        report.line(out, f"\nthe gallery could not be built{why}; finished figures and results are whole")
        return FAILED
    report.line(out, f"\ngallery: {shown_path(index)}")
    return DONE


def _how_to_go_on(ways: Ways) -> str:
    """What the command that started this process would do if it were given again."""
    python = ["python"] if sys.argv[0].endswith(".py") else []
    command = shlex.join([*python, *sys.argv])
    if ways.force and not os.environ.get(DETACHED_VARIABLE):
        return f"With --force, the same command computes everything again: {command}"
    return f"The same command goes on from there: {command}"
