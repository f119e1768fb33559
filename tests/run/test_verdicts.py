import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from companion.run import verdicts
from companion.run.conduct import CLAIMS, DONE, FAILED, INTERRUPTED, RESUMABLE, Ways, _code
from companion.run.outcome import Outcome
from companion.run.verdicts import breaks_strict, counted, merge


@pytest.mark.parametrize(
    ("entry", "refused"),
    [
        ({"verdict": "holds", "unexpected": False, "decides": True}, False),
        ({"verdict": "fails", "unexpected": True, "decides": True}, True),
        ({"verdict": "fails", "unexpected": False, "decides": True}, False),  # registered to fail
        ({"verdict": "holds", "unexpected": True, "decides": True}, True),  # a regime held
        ({"verdict": "inconclusive", "unexpected": False, "decides": True}, False),
        ({"verdict": "not evaluated", "decides": True, "notes": ["no result at this profile"]}, True),
        ({"verdict": "not evaluated", "decides": False, "notes": ["needs night"]}, False),
        ({"verdict": "not evaluated", "decides": False, "notes": ["the number is missing"]}, True),
    ],
)
def test_strict_refuses_surprises_and_missing_numbers(entry, refused: bool):
    assert breaks_strict(entry) is refused


def outcome(status: str, verdict: str = "holds", *, unexpected: bool = False) -> Outcome:
    entry = {"verdict": verdict, "unexpected": unexpected, "decides": True}
    return Outcome(None, status, verdicts={"tiny_c1_grows": entry})


def test_exit_codes_by_what_weighs_most():
    good, bad = outcome("done"), outcome("done", "fails", unexpected=True)
    assert _code([good, outcome("hit")], Ways(strict=True), ()) == DONE
    assert _code([good, bad], Ways(), ()) == DONE
    assert _code([good, bad], Ways(strict=True), ()) == CLAIMS
    assert _code([bad, outcome("failed")], Ways(strict=True), ()) == FAILED
    assert _code([outcome("failed"), outcome("interrupted")], Ways(strict=True), ()) == INTERRUPTED


def test_a_run_that_only_repeats_what_it_finished_before_got_nowhere():
    def named(name: str, status: str, **fields) -> Outcome:
        return Outcome(SimpleNamespace(request=SimpleNamespace(name=name)), status, **fields)

    quick, stuck = named("quick", "done"), named("stuck", "resumable")
    assert _code([quick, stuck], Ways(), ()) == RESUMABLE
    assert _code([quick, stuck], Ways(), {"quick"}) == INTERRUPTED
    assert _code([quick, stuck], Ways(check=True), ()) == INTERRUPTED
    assert _code([quick, named("slow", "resumable", saved=True)], Ways(), {"quick"}) == RESUMABLE
    assert _code([named("slow", "resumable", computed=1)], Ways(check=True), ()) == RESUMABLE


def test_counting_leaves_out_what_is_not_there():
    assert counted([]) == ""
    assert (
        counted([{"verdict": "inconclusive"}, {"verdict": "not evaluated"}])
        == "1 inconclusive, 1 not evaluated"
    )


def test_merging_compares_criteria_with_the_commit(ran: Path):
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=e@x"]
        subprocess.run(["git", *identity, *arguments], cwd=ran, check=True, capture_output=True)

    tracked = ran / "figures/laptop/claims.json"
    git("init")
    git("add", "figures")
    git("commit", "-m", "figures")
    assert verdicts._committed("laptop") == json.loads(tracked.read_text())
    recorded = ran / "build/runs/laptop/tiny.claims.json"
    entries = json.loads(recorded.read_text())
    entries["tiny_c1_grows"]["digest"] = "another"
    recorded.write_text(json.dumps(entries))
    for _ in range(2):  # what was merged before is not taken for what was committed
        merge("laptop", [])
        assert json.loads(tracked.read_text())["tiny_c1_grows"]["criterion_changed"]


def test_without_version_control_nothing_is_committed(ran: Path):
    assert verdicts._committed("laptop") is None
