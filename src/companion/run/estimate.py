"""``run_all.py --estimate``: the bill of a run before it starts, study by study."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from companion.run import report
from companion.run.bill import (
    SHORT_SECONDS,
    Bill,
    Rates,
    bill,
    disk_problem,
    share_of_month,
)
from companion.run.choose import Wishes, choose
from companion.run.foresee import Foreseen, RehearsalFailed, foresee
from companion.run.workforce import Workers, cluster_of, workers
from companion.session.progress import duration
from companion.settings.cluster_file import ClusterSettings
from companion.store.artefacts import store_roots
from companion.store.costs import hours
from companion.store.sizes import free_space, shown_size

_COLUMNS = ("study", "to compute", "core-hours", "GPU-hours", "wall time", "disk", "memory", "÷×")


def estimate(wishes: Wishes, out: Console, *, anew: bool = False) -> int:
    """Print what the run that ``wishes`` ask for would cost; the exit code.

    Raises SettingsError where they are wrong.
    """
    choice = choose(wishes)
    for name in choice.left_out:
        report.line(out, f"{name}: left out, it has no profile {wishes.profile!r}")
    report.line(out, "rehearsing the notebooks; nothing is computed …")
    try:
        foreseen = foresee(choice.requests, anew=anew)
    except RehearsalFailed as error:
        report.line(out, f"no estimate: {error}")
        return 1
    cluster = cluster_of(choice.requests)
    who = workers(cluster)
    total = _print_studies(out, foreseen, who)
    for line in _remarks(foreseen, total, who, cluster):
        report.line(out, line)
    return 0


def _print_studies(out: Console, foreseen: Foreseen, who: Workers) -> Bill:
    table = Table(box=None)
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name == "study" else "right")
    total = Bill()
    for notebook in foreseen.notebooks:
        table.add_row(notebook["notebook"])
        for study in notebook["studies"]:
            one = bill(study["parts"], foreseen.rates, who)
            if one.missing + one.stored:
                table.add_row(*_row(f"  {study['study']}", one))
                total += one
    table.add_row(*_row("all", total))
    out.print(table, highlight=False, markup=False)
    report.line(out)
    report.line(out, f"{in_words(total)}; workers: {who.description}")
    return total


def _row(name: str, one: Bill) -> Sequence[str]:
    counts = f"{one.missing} of {one.missing + one.stored}"
    if not one.missing:
        return name, counts, *("0",) * 4, "", ""
    devices = {device for _, device in one.unknown}
    return (
        name,
        counts,
        _at_least(one.core_seconds, hours(one.core_seconds), unknown="cpu" in devices),
        _at_least(one.gpu_seconds, hours(one.gpu_seconds), unknown="cuda" in devices),
        _at_least(one.wall_seconds, duration(one.wall_seconds), unknown=bool(devices)),
        _at_least(one.disk_bytes, shown_size(one.disk_bytes), unknown=not one.disk_bytes),
        _memory(one),
        _likely(one) + (" *" if devices else ""),
    )


def _at_least(number: float, text: str, *, unknown: bool) -> str:
    return text if not unknown else f"≥ {text}" if number else "?"


def _memory(one: Bill) -> str:
    """Memory in GiB, as cluster files count it; what was never seen alone is bounded from above."""
    if not one.memory_kib:
        return "?"
    return f"{'' if one.memory_exact else '≤ '}{one.memory_kib / 2**20:.2g} GiB"


def _likely(one: Bill) -> str:
    """By what the seconds may be wrong: a factor, or some seconds where these are more."""
    factor = one.factor
    if factor is None:
        return "?"
    return f"± {SHORT_SECONDS:.0f} s" if one.seconds * (factor - 1) < SHORT_SECONDS else f"{factor:.1f}"


def in_words(total: Bill) -> str:
    """A bill in a line: hours, time, disk, and how far they may be wrong; what is not known is said."""
    devices = {device for _, device in total.unknown}
    sure = "" if total.factor is None else f", to a factor of {total.factor:.1f}"
    known = " for what is known" if devices and sure else ""
    core = _at_least(total.core_seconds, hours(total.core_seconds), unknown="cpu" in devices)
    gpu = _at_least(total.gpu_seconds, hours(total.gpu_seconds), unknown="cuda" in devices)
    wall = _at_least(total.wall_seconds, duration(total.wall_seconds), unknown=bool(devices))
    disk = f"{shown_size(total.disk_bytes)} of results"
    return f"{core} core-hours, {gpu} GPU-hours, {wall} of work, {disk}{sure}{known}"


def _remarks(foreseen: Foreseen, total: Bill, who: Workers, cluster: ClusterSettings | None) -> list[str]:
    lines = []
    if cluster is not None:
        allocation = cluster.allocation.model_dump()
        lines += [f"{cluster.name}: {line}" for line in share_of_month(total, allocation)]
        room, place = cluster.disk.scratch_gib * 2**30, f"scratch of {cluster.name}"
    else:
        room, place = float(free_space(store_roots()[0])), str(store_roots()[0])
    problem, _ = disk_problem(total.disk_bytes, room, place)
    lines += [problem] if problem else []
    lines += _short_of_memory(foreseen.parts, foreseen.rates, who)
    if total.compiling:
        lines.append(f"of this, compiling kernels for the first time: {duration(total.compiling)} of cores")
    used = {(part["function"], part["device"]) for part in foreseen.parts}
    sources = [rate.source for key, rate in foreseen.rates.items() if key in used]
    lines += [f"rates of {sources.count(source)} functions from {source}" for source in sorted(set(sources))]
    lines += [_without_rate(*key, seconds) for key, seconds in total.unknown.items()]
    for notebook in foreseen.notebooks:
        lines += [f"{notebook['notebook']}, {problem}" for problem in notebook["problems"]]
    lines += [problem for study in foreseen.studies for problem in study["problems"]]
    return list(dict.fromkeys(lines))


def _without_rate(function: str, device: str, on_cpus: float) -> str:
    instead = f" (on CPUs about {hours(on_cpus)} core-hours)" if on_cpus else ""
    return f"* no rate for {function} on {device}: not counted{instead}; run the profile smoke there first"


def _short_of_memory(parts: Iterable[Mapping[str, Any]], rates: Rates, who: Workers) -> list[str]:
    """A line for each function whose results have taken more memory than a worker has."""
    lines = []
    for part in parts:
        function, device = part["function"], part["device"]
        rate = rates.get((function, device)) or rates.get((function, "cpu"))
        allowed = who.memory_gib.get(device)
        if rate is None or allowed is None or not rate.memory_exact:
            continue
        if (taken := rate.memory_kib / 2**20) > allowed:
            lines.append(
                f"{function}: a result took {taken:.2g} GiB, and a {device} worker has {allowed:.2g} GiB"
            )
    return lines
