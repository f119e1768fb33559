"""Before a run: what it will cost, and whether the disk has room for its results."""

from collections.abc import Sequence

from rich.console import Console

from companion.run import report
from companion.run.plan import Request
from companion.settings.problems import Problem, SettingsError
from companion.store.artefacts import store_roots
from companion.store.sizes import free_space

#: Profiles whose runs are so small that nothing is foreseen before they start, unless the disk is nearly full.
SMALL_PROFILES, NEARLY_FULL = ("smoke", "laptop"), 2 * 2**30


def check_disk(out: Console, requests: Sequence[Request], *, anew: bool = False) -> None:
    """Say what a run will cost and whether the disk has room; small profiles go without.

    Raises SettingsError where the results will surely not fit.
    """
    own = store_roots()[0]
    free = free_space(own)
    if not requests or (requests[0].profile in SMALL_PROFILES and free > NEARLY_FULL):
        return
    # slow to import, and rarely needed
    from companion.run.bill import disk_problem
    from companion.run.estimate import in_words
    from companion.run.foresee import RehearsalFailed, foresee
    from companion.run.workforce import cluster_of, workers

    report.line(out, "working out what it will cost …")
    try:
        foreseen = foresee(requests, anew=anew)
    except RehearsalFailed as error:
        report.line(out, f"its cost could not be estimated: {error}")
        return
    total = foreseen.total(workers(cluster_of(requests)))
    report.line(out, f"estimated: {in_words(total)}")
    text, surely = disk_problem(total.disk_bytes, free, str(own))
    if surely:
        allowed = "free space there, or COMPANION_STORE naming a folder with room"
        raise SettingsError([Problem("store", None, None, text, None, allowed)])
    if text:
        report.line(out, text)
