"""``run_all.py report --since 18:00``: what finished, what failed and where, which verdicts changed, what it cost."""

import contextlib
import datetime
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from companion.run import report
from companion.run.conduct import console
from companion.run.detached import read_detached
from companion.run.history import read_history
from companion.run.spans import seconds_of
from companion.run.spending import spent_since
from companion.session.progress import duration
from companion.settings.problems import Problem, SettingsError

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

Entry = Mapping[str, Any]


@app.command()
def since(
    since: Annotated[
        str,
        typer.Option("--since", metavar="WHEN", help="18:00, 2026-03-01, 2026-03-01T18:00, 90m, 12h or 2d."),
    ] = "24h",
) -> None:
    """Say what happened: notebooks that finished or failed, verdicts that changed, results and their cost."""
    try:
        moment = moment_of(since, time.time())
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    tell(console(), moment)


def moment_of(text: str, now: float) -> float:
    """The moment, in seconds since 1970, that ``text`` means at ``now``: the latest one that has passed.

    >>> moment_of("90m", 10_000.0)
    4600.0

    Raises SettingsError for a text that is no such moment.
    """
    with contextlib.suppress(ValueError):  # no span
        return now - seconds_of(text)
    today = datetime.datetime.fromtimestamp(now)
    try:
        if clock := _CLOCK.fullmatch(text):
            at = today.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
            return (at if at <= today else at - datetime.timedelta(days=1)).timestamp()
        moment = datetime.datetime.fromisoformat(text).timestamp()
    except ValueError:
        allowed = "a time of day (18:00), a date (2026-03-01, 2026-03-01T18:00) or a span (90m, 12h, 2d)"
        raise SettingsError([Problem("--since", None, None, "no moment", text, allowed)]) from None
    if moment > now:
        raise SettingsError(
            [Problem("--since", None, None, "in the future", text, "a moment that has passed")]
        )
    return moment


def tell(out: Console, moment: float) -> None:
    """Print the report on everything since ``moment``."""
    entries = list(read_history(moment))
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
    report.line(out, f"since {when}, {duration(max(0.0, time.time() - moment))} ago")
    _tell_finished(out, [entry for entry in entries if entry["status"] == "done"])
    for title, wanted in (("failed", ("failed",)), ("stopped", ("interrupted", "resumable"))):
        lines = [_ending(entry) for entry in entries if entry["status"] in wanted]
        _tell_lines(out, title, lines)
    _tell_lines(out, "verdicts that changed", verdict_changes(entries))
    spent = spent_since(moment, (Path(run.store) for run in read_detached()))
    computed, read = (sum(entry[name] for entry in entries) for name in ("computed", "read"))
    report.line(out, f"\nresults: {computed} computed, {read} read by the notebooks above")
    hours = f"{spent.core_hours:.2f} core-hours, {spent.gpu_hours:.2f} GPU-hours"
    report.line(out, f"cost: {hours} for {spent.results} results in the store")


def _tell_finished(out: Console, entries: Sequence[Entry]) -> None:
    report.line(out)
    if not entries:
        report.line(out, "finished: nothing")
        return
    table = Table("finished", "profile", "at", "time", "computed", "read", box=None)
    for entry in entries:
        at = time.strftime("%m-%d %H:%M", time.localtime(entry["time"]))
        row = (entry["notebook"], _scope(entry), at, duration(entry["seconds"]))
        table.add_row(*row, str(entry["computed"]), str(entry["read"]))
    out.print(table, highlight=False, markup=False)


def _scope(entry: Entry) -> str:
    """Profile of a notebook's run, and whether it was one for other parameters or for some figures."""
    remarks = ["other parameters"] * bool(entry["overridden"]) + [f"only {', '.join(entry['only'])}"] * bool(
        entry["only"]
    )
    return f"{entry['profile']} ({'; '.join(remarks)})" if remarks else entry["profile"]


def _ending(entry: Entry) -> str:
    """Where and why a notebook did not come to its end."""
    at = time.strftime("%m-%d %H:%M", time.localtime(entry["time"]))
    name = f"{entry['notebook']} ({_scope(entry)}), {at}"
    if entry["status"] != "failed":
        return f"{name}: {entry['status']} after {duration(entry['seconds'])}"
    cell = f"cell [{entry['cell']}], " if entry["cell"] else ""
    line = f"notebooks/{entry['notebook']}.py:{entry['line']}, " if entry["line"] else ""
    return f"{name}: {cell}{line}{entry['error']}"


def verdict_changes(entries: Sequence[Entry]) -> list[str]:
    """A line for each claim whose verdict is another one after ``entries`` than before; ``new`` had none.

    >>> verdict_changes([{"profile": "laptop", "verdicts": {"c1": [None, "holds"], "c2": ["fails", "holds"]}},
    ...                  {"profile": "laptop", "verdicts": {"c2": ["holds", "fails"]}}])
    ['c1 (laptop): new → holds']
    """
    changes: dict[tuple[str, str], tuple[str | None, str | None]] = {}
    for entry in entries:
        for name, (before, now) in entry["verdicts"].items():
            about = (name, entry["profile"])
            changes[about] = (changes.get(about, (before,))[0], now)
    return [
        f"{name} ({profile}): {before or 'new'} → {now}"
        for (name, profile), (before, now) in sorted(changes.items())
        if before != now
    ]


def _tell_lines(out: Console, title: str, lines: Sequence[str]) -> None:
    report.line(out, f"\n{title}:" if lines else f"\n{title}: nothing")
    for text in lines:
        report.line(out, f"    {text}")
