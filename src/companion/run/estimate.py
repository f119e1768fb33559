"""``run_all.py --estimate``: the bill of a run before it starts, and rates for those who have no results yet."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from companion.compute.cluster_settings import cluster_names, read_cluster
from companion.compute.clusters import core_count
from companion.run import report
from companion.run.bill import Bill, Rates, Workers, bill, disk_problem, gib, share_of_month
from companion.run.choose import Wishes, choose
from companion.run.plan import Request
from companion.session.files import write_json
from companion.session.progress import duration
from companion.session.root import project_root
from companion.settings.cluster_file import ClusterSettings
from companion.settings.problems import Problem, SettingsError, shown_path
from companion.store.artefacts import store_roots
from companion.store.calibration import from_json, preferred
from companion.store.costs import hours

#: Profiles whose runs are so small that nothing is foreseen before they start, unless the disk is nearly full.
SMALL_PROFILES, NEARLY_FULL = ("smoke", "laptop"), 2 * 2**30
_SECONDS_ALLOWED = 600


@dataclass(frozen=True)
class Foreseen:
    """What rehearsed notebooks would compute, with the rates that tell its cost."""

    notebooks: Sequence[Mapping[str, Any]]
    rates: Rates


def estimate(wishes: Wishes, out: Console, *, anew: bool = False) -> None:
    """Print what the run that ``wishes`` ask for would cost. Raises SettingsError where they are wrong."""
    choice = choose(wishes)
    for name in choice.left_out:
        report.line(out, f"{name}: left out, it has no profile {wishes.profile!r}")
    foreseen = foresee(choice.requests, anew=anew)
    cluster = _cluster(choice.requests)
    total = _print_studies(out, foreseen, workers(cluster))
    for line in _remarks(foreseen, total, cluster):
        report.line(out, line)


def foresee(requests: Sequence[Request], *, anew: bool = False) -> Foreseen:
    """Rehearse ``requests`` in a process of its own. Raises RuntimeError with its last words where it fails."""
    found = _rehearsed(
        [
            {
                "name": request.name,
                "path": str(request.notebook.path.absolute()),
                "parameters": request.parameters.values,
                "only": list(request.only),
            }
            for request in requests
        ],
        anew=anew,
    )
    own = from_json(found["rates"], "results here")
    return Foreseen(found["notebooks"], preferred(own, _tracked_rates()))


def calibrate(out: Console) -> None:
    """Write the rates that the stores tell to params/calibration.json, for clones that have no results."""
    found = _rehearsed([], anew=False)["rates"]
    target = calibration_file()
    write_json(target, {"machine": _machine(), "rates": found})
    report.line(out, f"{shown_path(target)}: rates of {len(found)} functions, {_machine()}")


def calibration_file() -> Path:
    """The tracked rates."""
    return project_root() / "params" / "calibration.json"


def check_disk(out: Console, requests: Sequence[Request], *, anew: bool = False) -> None:
    """Before a run: say what it will cost and whether the disk has room; small profiles go without.

    Raises SettingsError where the results will surely not fit.
    """
    free = _free(store_roots()[0])
    if not requests or (requests[0].profile in SMALL_PROFILES and free > NEARLY_FULL):
        return
    try:
        foreseen = foresee(requests, anew=anew)
    except (RuntimeError, subprocess.SubprocessError) as error:
        report.line(out, f"its cost could not be estimated: {error}")
        return
    cluster = _cluster(requests)
    total = _total(foreseen, workers(cluster))
    report.line(out, f"estimated: {in_words(total)}")
    text, surely = disk_problem(total.disk_bytes, free, str(store_roots()[0]))
    if surely:
        allowed = "free space there, or COMPANION_STORE naming a folder with room"
        raise SettingsError([Problem("store", None, None, text, None, allowed)])
    if text:
        report.line(out, text)


def workers(cluster: ClusterSettings | None) -> Workers:
    """Who works on a cluster with a file, or on this machine."""
    if cluster is None:
        return Workers(core_count(), 1, f"{core_count()} cores of this machine")
    cpu, gpu = cluster.workers.cpu, cluster.workers.gpu
    gpus = gpu.maximum_jobs * gpu.gpus if gpu else 0
    cores = cpu.maximum_jobs * cpu.cores
    more = f" and {gpus} {gpu.gpu_type}" if gpu else ""
    return Workers(cores, gpus, f"{cluster.name}, at most {cores} cores{more} at once")


def _rehearsed(notebooks: list[dict[str, Any]], *, anew: bool) -> dict[str, Any]:
    root = project_root()
    paths = [str(root), str(root / "notebooks"), os.environ.get("PYTHONPATH", "")]
    dropped = {"COMPANION_EVENTS", "COMPANION_CLUSTER", "COMPANION_FORCE"}
    environment = {name: value for name, value in os.environ.items() if name not in dropped} | {
        "COMPANION_ROOT": str(root),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "MPLBACKEND": "agg",
    }
    with tempfile.TemporaryDirectory(prefix="companion-") as folder:
        spec, result = Path(folder) / "spec.json", Path(folder) / "result.json"
        given = {"notebooks": notebooks, "anew": anew, "result": str(result)}
        spec.write_text(json.dumps(given), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "companion.run.rehearsal", str(spec)],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS_ALLOWED,
        )
        if done.returncode:
            words = done.stderr.strip().splitlines() or ["nothing said"]
            raise RuntimeError(f"the rehearsal ended with exit code {done.returncode}: {words[-1]}")
        return json.loads(result.read_text(encoding="utf-8"))


def _tracked_rates() -> Rates:
    path = calibration_file()
    if not path.exists():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return from_json(content["rates"], f"{shown_path(path)} ({content['machine']})")


def _cluster(requests: Sequence[Request]) -> ClusterSettings | None:
    """The cluster with a file that the first request names, if it does."""
    name = requests[0].parameters.values["cluster"] if requests else "local"
    return read_cluster(name) if name in cluster_names() else None


def _total(foreseen: Foreseen, who: Workers) -> Bill:
    studies = [study for notebook in foreseen.notebooks for study in notebook["studies"]]
    return sum((bill(study["parts"], foreseen.rates, who) for study in studies), Bill())


def _print_studies(out: Console, foreseen: Foreseen, who: Workers) -> Bill:
    table = Table(box=None)
    for name in ("study", "to compute", "core-hours", "GPU-hours", "wall time", "disk", "memory", "÷×"):
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
    return (
        name,
        counts,
        hours(one.core_seconds),
        hours(one.gpu_seconds),
        duration(one.wall_seconds),
        gib(one.disk_bytes),
        gib(one.memory_kib * 1024),
        f"{one.factor:.1f}" + (" *" if one.unknown else ""),
    )


def missing_work(requests: Sequence[Request]) -> tuple[int, Bill]:
    """How many results ``requests`` lack, and what they would cost together; RuntimeError where it cannot be told."""
    foreseen = foresee(requests)
    number = sum(part["missing"] for study in _studies(foreseen) for part in study["parts"])
    return number, _total(foreseen, workers(_cluster(requests)))


def in_words(total: Bill) -> str:
    """What a bill comes to, in a line."""
    return (
        f"{hours(total.core_seconds)} core-hours, {hours(total.gpu_seconds)} GPU-hours, "
        f"{duration(total.wall_seconds)} of work, {gib(total.disk_bytes)} of results, to a factor of {total.factor:.1f}"
    )


def _remarks(foreseen: Foreseen, total: Bill, cluster: ClusterSettings | None) -> list[str]:
    lines = []
    if cluster is not None:
        allocation = cluster.allocation.model_dump()
        lines += [f"{cluster.name}: {line}" for line in share_of_month(total, allocation)]
        room, place = cluster.disk.scratch_gib * 2**30, f"scratch of {cluster.name}"
    else:
        room, place = _free(store_roots()[0]), str(store_roots()[0])
    problem, _ = disk_problem(total.disk_bytes, room, place)
    lines += [problem] if problem else []
    parts = [part for study in _studies(foreseen) for part in study["parts"] if part["missing"]]
    used = {(part["function"], part["device"]) for part in parts}
    sources = [rate.source for key, rate in foreseen.rates.items() if key in used]
    lines += [f"rates of {sources.count(source)} functions from {source}" for source in sorted(set(sources))]
    lines += [
        f"* no rate for {each}: not counted; run the profile smoke there first" for each in total.unknown
    ]
    for notebook in foreseen.notebooks:
        lines += [f"{notebook['notebook']}, {problem}" for problem in notebook["problems"]]
    lines += [problem for study in _studies(foreseen) for problem in study["problems"]]
    return list(dict.fromkeys(lines))


def _studies(foreseen: Foreseen) -> list[Mapping[str, Any]]:
    return [study for notebook in foreseen.notebooks for study in notebook["studies"]]


def _free(folder: Path) -> float:
    """Bytes free where ``folder`` is or would be."""
    while not folder.exists():
        folder = folder.parent
    return float(shutil.disk_usage(folder).free)


def _machine() -> str:
    """This machine in a line: processor, cores, system."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{model}, {core_count()} cores, {platform.system()}"
