"""What is recorded, merged and shown, on synthetic verdicts."""

import json
import math

import numpy as np
import pytest

from companion.claims import register
from companion.claims.protocol import Claim, Regime, RegimeVerdict, Verdict, criterion_digest
from companion.claims.register import merge_claims, record, table
from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.session import current as session_current
from companion.session.current import Session


def claim(identifier="p1_c1_discrete_minima", **fields):
    given = {
        "statement": "endpoints at $K = M$ are discrete, up to $|dL| < 10^{-7}$",
        "quantity": "matched share",
        "criterion": "Wilson lower end >= .95",
        "version": 1,
        "profile": "laptop",
        "figure": "p1_f1_loss_histogram",
        "deterministic": False,
        "source": "1712.08968",
        "regimes": (Regime("early", "stopped at gradient norm 1e-5"), Regime("wide", "K >= 19")),
    }
    return Claim(id=identifier, **(given | fields))


def verdict(identifier="p1_c1_discrete_minima", name="holds", **fields):
    given = {"value": 0.98, "interval": (0.96, 0.99), "value_text": "98 % of 120", "replicates": 120}
    return Verdict(identifier, name, **(given | {"root_seed": 0} | fields))


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts a session in a project of its own."""
    monkeypatch.setenv("COMPANION_ROOT", str(tmp_path))
    monkeypatch.setenv("COMPANION_EVENTS", str(tmp_path / "events.jsonl"))
    monkeypatch.setattr(register, "_recorded", {})

    def begin(profile="laptop", notebook="p1_relu_landscape"):
        session = Session(notebook, {"profile": profile, "seed": 0}, "cpu", "inline")
        monkeypatch.setattr(session_current, "_current", session)
        return session

    return begin


def written(session):
    return json.loads((session.runs_folder / f"{session.notebook}.claims.json").read_text(encoding="utf-8"))


def test_an_entry_holds_the_promise_and_what_was_found(start, tmp_path):
    session = start()
    shown = record(verdict(regimes=(RegimeVerdict("early", "fails", "fails", "71 %"),)), claim())
    entry = written(session)["p1_c1_discrete_minima"]
    assert entry == shown.entry
    assert entry["digest"] == criterion_digest(claim())
    assert {name: entry[name] for name in ("verdict", "value", "interval", "replicates", "root_seed")} == {
        "verdict": "holds",
        "value": 0.98,
        "interval": [0.96, 0.99],
        "replicates": 120,
        "root_seed": 0,
    }
    assert (entry["profile"], entry["deciding_profile"], entry["standing"]) == ("laptop", "laptop", "")
    assert (entry["notebook"], entry["seeds"], entry["unexpected"]) == (
        "p1_relu_landscape",
        "exploratory",
        False,
    )
    assert [(regime["name"], regime["verdict"]) for regime in entry["regimes"]] == [
        ("early", "fails"),
        ("wide", "not evaluated"),
    ]
    (event,) = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    assert (event["kind"], event["id"], event["verdict"]) == ("claim", "p1_c1_discrete_minima", "holds")


def test_recording_again_writes_the_same_bytes(start):
    session = start()
    record(verdict(), claim())
    path = session.runs_folder / "p1_relu_landscape.claims.json"
    before = path.read_bytes()
    record(verdict(value=0.98 + 1e-12), claim())
    assert path.read_bytes() == before


def test_numbers_that_json_does_not_know(start):
    session = start()
    record(verdict(value=np.float64(math.inf), interval=(0.1, math.inf), replicates=np.int64(8)), claim())
    record(verdict("p1_c2_windows", "not evaluated", value=math.nan, interval=None), claim("p1_c2_windows"))
    entries = written(session)
    assert entries["p1_c1_discrete_minima"]["value"] == "inf"
    assert entries["p1_c1_discrete_minima"]["interval"] == [0.1, "inf"]
    assert entries["p1_c1_discrete_minima"]["replicates"] == 8
    assert entries["p1_c2_windows"]["value"] is None


def test_an_unexpected_hold_is_as_loud_as_an_unexpected_failure(start):
    start()
    held = record(verdict(regimes=(RegimeVerdict("wide", "fails", "holds"),)), claim())
    failed = record(verdict("p1_c2_windows", "fails"), claim("p1_c2_windows"))
    refuted = record(verdict("p1_c3_width", "fails"), claim("p1_c3_width", expected="fails"))
    assert held.unexpected
    assert held.entry["surprises"] == ["wide: holds, registered as fails"]
    assert failed.unexpected
    assert failed.entry["surprises"] == ["fails, registered as holds"]
    assert not refuted.unexpected
    for text in (repr(held), held._repr_markdown_(), repr(failed), failed._repr_markdown_()):
        assert "UNEXPECTED" in text
    assert "UNEXPECTED" not in repr(refuted)


def test_only_registered_regimes_count(start):
    start()
    with pytest.raises(ValueError, match="regime 'narrow', expected 'fails', given; registered are"):
        record(verdict(regimes=(RegimeVerdict("narrow", "fails", "fails"),)), claim())
    with pytest.raises(ValueError, match="regime 'wide', expected 'holds', given"):
        record(verdict(regimes=(RegimeVerdict("wide", "holds", "holds"),)), claim())
    with pytest.raises(ValueError, match="allowed is one on 'p1_c2_windows'"):
        record(verdict(), claim("p1_c2_windows"))


def test_a_smaller_profile_than_the_deciding_one_is_marked(start):
    start("smoke")
    shown = record(verdict(), claim(profile="night"))
    assert (shown.verdict, shown.entry["decides"]) == ("holds", False)
    assert shown.entry["standing"] == "decided at night"
    assert "decided at night" in repr(shown)
    start("paper")
    assert record(verdict(), claim(profile="night")).entry["standing"] == ""


def test_without_a_verdict_the_claim_waits(start):
    session = start("laptop")
    record(None, claim(profile="night"))
    entry = written(session)["p1_c1_discrete_minima"]
    assert (entry["verdict"], entry["notes"]) == ("not evaluated", ["needs night"])
    assert "needs night" in repr(table())


@pytest.mark.parametrize(("root", "kind"), [(CONFIRMATORY_ROOT, "confirmatory"), (1, "exploratory")])
def test_the_gallery_can_tell_confirmation_from_exploration(start, root, kind):
    start()
    shown = record(verdict(root_seed=root), claim())
    assert (shown.entry["root_seed"], shown.entry["seeds"]) == (root, kind)
    assert f"{kind} seeds" in repr(shown)


def test_without_a_session_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_ROOT", str(tmp_path))
    monkeypatch.setattr(session_current, "_current", None)
    monkeypatch.setattr(register, "_recorded", {})
    assert record(verdict(), claim()).verdict == "holds"
    assert "p1_c1_discrete_minima" in repr(table())
    assert list(tmp_path.iterdir()) == []


def test_entries_of_earlier_cells_and_of_another_process_stay(start):
    session = start()
    record(verdict(), claim())
    path = session.runs_folder / "p1_relu_landscape.claims.json"
    other = {"p1_c9_other": {"id": "p1_c9_other", "verdict": "holds"}}
    path.write_text(json.dumps(other), encoding="utf-8")  # written between our reading and our writing
    record(verdict("p1_c2_windows"), claim("p1_c2_windows"))
    assert set(written(session)) == {"p1_c1_discrete_minima", "p1_c2_windows", "p1_c9_other"}


def test_the_table_shows_this_notebook_in_its_order(start):
    start(notebook="tour")
    record(verdict("p1_c7_optimisers"), claim("p1_c7_optimisers"))
    start()
    assert repr(table()) == "no verdicts recorded"
    record(verdict("p1_c2_windows", "inconclusive"), claim("p1_c2_windows"))
    record(verdict(), claim())
    lines = repr(table()).splitlines()
    assert [line.split()[2] for line in lines] == [
        "p1_c2_windows",
        "p1_c1_discrete_minima",
    ]
    assert lines[0].startswith("◐ inconclusive")


def test_no_bar_of_a_formula_ends_a_cell_of_the_table(start):
    start()
    record(verdict(value_text="98 % | 120 with $\\|x\\|$"), claim())
    (row,) = table()._repr_markdown_().splitlines()[2:]
    assert row.count("|") - row.count(r"\|") == 5
    assert r"$\vert dL\vert  < 10^{-7}$" in row
    assert r"98 % \| 120 with $\Vert x\Vert $" in row


# Merging


def run_of(start, notebook, *identifiers, **fields):
    session = start(notebook=notebook)
    for identifier in identifiers:
        record(verdict(identifier), claim(identifier, **fields))
    return session


def merged(session, **keywords):
    folder = session.figures_folder
    found = merge_claims(session.runs_folder, folder, **keywords)
    assert json.loads((folder / "claims.json").read_text(encoding="utf-8")) == found
    return found


def test_notebooks_are_merged_and_those_that_did_not_run_keep_theirs(start):
    run_of(start, "tour", "p1_c1_discrete_minima")
    session = run_of(start, "p1_relu_landscape", "p1_c2_windows")
    assert set(merged(session)) == {"p1_c1_discrete_minima", "p1_c2_windows"}
    (session.runs_folder / "tour.claims.json").unlink()
    (session.runs_folder / "p1_relu_landscape.claims.json").unlink()
    assert set(merged(session)) == {"p1_c1_discrete_minima", "p1_c2_windows"}


def test_claims_that_a_complete_run_no_longer_makes_are_dropped(start):
    session = run_of(start, "tour", "p1_c1_discrete_minima", "p1_c2_windows")
    merged(session)
    register._recorded.clear()
    (session.runs_folder / "tour.claims.json").unlink()
    run_of(start, "tour", "p1_c2_windows")
    assert set(merged(session)) == {"p1_c1_discrete_minima", "p1_c2_windows"}
    assert set(merged(session, complete=["tour"])) == {"p1_c2_windows"}


def test_a_changed_criterion_is_said_until_it_is_tracked(start):
    tracked = merged(run_of(start, "tour", "p1_c1_discrete_minima"))
    assert not tracked["p1_c1_discrete_minima"]["criterion_changed"]
    session = run_of(start, "tour", "p1_c1_discrete_minima", criterion="Wilson lower end >= .9", version=2)
    for _repeated in range(2):
        entry = merged(session, tracked=tracked)["p1_c1_discrete_minima"]
        assert entry["criterion_changed"]
        assert entry["criterion_was"] == {"criterion": "Wilson lower end >= .95", "version": 1}
    settled = merged(session, tracked={"p1_c1_discrete_minima": entry})["p1_c1_discrete_minima"]
    assert not settled["criterion_changed"]
    assert "criterion_was" not in settled


def test_a_new_claim_is_no_changed_criterion(start):
    session = run_of(start, "tour", "p1_c1_discrete_minima")
    assert not merged(session, tracked={})["p1_c1_discrete_minima"]["criterion_changed"]


def test_merging_twice_writes_the_same_bytes(start):
    session = run_of(start, "tour", "p1_c1_discrete_minima", "p1_c2_windows")
    merged(session)
    before = (session.figures_folder / "claims.json").read_bytes()
    merged(session)
    assert (session.figures_folder / "claims.json").read_bytes() == before


def test_nothing_recorded_leaves_nothing_behind(tmp_path):
    assert merge_claims(tmp_path / "runs", tmp_path / "figures") == {}
    assert not (tmp_path / "figures").exists()


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "tour.claims.json").write_text(content)
    with pytest.raises(ValueError, match=r"tour\.claims\.json: .*delete it and run the notebook again"):
        merge_claims(tmp_path, tmp_path / "figures")
