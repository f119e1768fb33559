"""Which options can be meant together, and which cannot."""

import itertools

import pytest

from companion.run.modes import INSTEAD, refuse_contradictions
from companion.settings.problems import SettingsError


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["--set", "--check", "--detach"],
        ["--compare", "--json"],
        ["--bundle", "--with-results"],
        ["--estimate", "--set"],
        ["--export", "--set", "--width"],
    ],
)
def test_what_can_be_meant_passes(given):
    refuse_contradictions(given)


@pytest.mark.parametrize("two", list(itertools.combinations(INSTEAD, 2)))
def test_one_thing_at_a_time(two):
    with pytest.raises(SettingsError, match=f"{two[0]}: not together with {two[1]}: one at a time"):
        refuse_contradictions(two)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--json"], "--json: goes with --compare A B"),
        (["--width", "--list"], "--width: goes with --export FIGURE DIR"),
        (["--with-results"], "--with-results: goes with --bundle FILE"),
        (["--compare", "--check"], "--compare: makes no run: --check cannot be meant"),
        (["--estimate", "--detach"], "--estimate: makes no run: --detach cannot be meant"),
        (["--book", "--set"], "--book: tells of what is there already"),
        (["--bundle", "--set"], "--bundle: tells of what is there already"),
    ],
)
def test_contradictions_are_refused(given, said):
    with pytest.raises(SettingsError) as refused:
        refuse_contradictions(given)
    assert said in str(refused.value) and len(refused.value.problems) == 1


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(SettingsError) as refused:
        refuse_contradictions(["--book", "--list", "--json", "--set", "--check"])
    assert len(refused.value.problems) == 4


def test_the_command_line_refuses_before_anything_is_done(tiny, command):
    before = {path.name for path in tiny.iterdir()}
    said = command("--export", "tiny_f1_powers", "paper", "--check")
    assert said.code == 2 and "--export: makes no run" in said.err
    assert {path.name for path in tiny.iterdir()} == before
