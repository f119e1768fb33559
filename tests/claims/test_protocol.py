"""Claims say what decides them, and verdicts never hide a missing number."""

import dataclasses
import math

import numpy as np
import pytest

from companion.claims.protocol import (
    PROFILE_ORDER,
    VERDICTS,
    Claim,
    Regime,
    RegimeVerdict,
    Verdict,
    criterion_digest,
    decides,
    default_verdict,
    is_unexpected,
    root_for,
)
from companion.compute.seeds import CONFIRMATORY_ROOT

CLAIM = Claim(
    id="p1_c1_discrete_minima",
    statement="spurious endpoints at $K = M$ belong to the listed families",
    quantity="matched share",
    criterion="Wilson lower end $\\geq .95$",
    version=1,
    profile="night",
    figure="p1_f1_loss_histogram",
    deterministic=False,
    source="1712.08968",
    regimes=(Regime("stopped early", "gradient norm 1e-5"),),
)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("id", "P1-C1", "id 'P1-C1' given, allowed is an id like p1_c1_discrete_minima"),
        ("figure", "loss_histogram", "figure 'loss_histogram' given"),
        ("profile", "weekend", "profile 'weekend' given, allowed is"),
        ("version", -1, "version -1 given"),
        ("criterion", " ", "criterion ' ' given, allowed is text that is not empty"),
        ("statement", "half of $K = M", "allowed is LaTeX between pairs of"),
        ("expected", "inconclusive", "expected 'inconclusive' given"),
        ("regimes", (Regime("a", "b"), Regime("a", "c")), "allowed is names that differ"),
    ],
)
def test_a_claim_with_a_wrong_field_is_refused_by_name(field, value, message):
    with pytest.raises(ValueError, match=message) as caught:
        dataclasses.replace(CLAIM, **{field: value})
    assert str(caught.value).startswith("claim '")


def test_dollars_may_be_escaped():
    assert dataclasses.replace(CLAIM, note="", statement=r"costs \$5").statement == r"costs \$5"


def test_a_regime_states_what_is_expected():
    assert Regime("early", "stopped early").expected == "fails"
    with pytest.raises(ValueError, match="regime 'early': expected 'maybe' given"):
        Regime("early", "stopped early", "maybe")  # pyright: ignore[reportArgumentType]
    assert Regime("early", "stopped early").found("holds", "3 of 4") == RegimeVerdict(
        "early", "fails", "holds", "3 of 4"
    )


@pytest.mark.parametrize("verdict", VERDICTS[:3])
@pytest.mark.parametrize(
    "numbers", [{"value": math.nan}, {"value": 1.0, "interval": (0.5, np.float64("nan"))}]
)
def test_nan_is_never_a_pass(verdict, numbers):
    with pytest.raises(ValueError, match="a number is missing"):
        Verdict(CLAIM.id, verdict, **numbers)
    assert Verdict(CLAIM.id, "not evaluated", **numbers).verdict == "not evaluated"


def test_an_infinite_number_is_a_number():
    assert Verdict(CLAIM.id, "holds", value=math.inf, interval=(0.3, math.inf)).value == math.inf


def test_a_fifth_verdict_is_refused():
    with pytest.raises(ValueError, match="verdict 'passes' given"):
        Verdict(CLAIM.id, "passes")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("root", "seeds"), [(None, "none"), (0, "exploratory"), (CONFIRMATORY_ROOT, "confirmatory")]
)
def test_only_the_reserved_root_seed_confirms(root, seeds):
    assert Verdict(CLAIM.id, "holds", root_seed=root).seeds == seeds


@pytest.mark.parametrize("expected", VERDICTS)
@pytest.mark.parametrize("found", VERDICTS)
def test_surprises_are_decided_verdicts_against_the_register(found, expected):
    surprising = found in ("holds", "fails") and found != expected
    assert is_unexpected(found, expected) is surprising
    assert RegimeVerdict("r", expected, found).unexpected is surprising


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "p1_c1_other"),
        ("statement", "another"),
        ("quantity", "another"),
        ("criterion", "Wilson lower end $\\geq .9$"),
        ("version", 2),
        ("expected", "fails"),
        ("regimes", ()),
        ("regimes", (Regime("stopped early", "gradient norm 1e-5", "holds"),)),
    ],
)
def test_the_digest_tells_every_promise_apart(field, value):
    assert criterion_digest(dataclasses.replace(CLAIM, **{field: value})) != criterion_digest(CLAIM)


@pytest.mark.parametrize(("field", "value"), [("note", "see appendix"), ("figure", "p1_f2_overlaps")])
def test_the_digest_ignores_what_promises_nothing(field, value):
    assert criterion_digest(dataclasses.replace(CLAIM, **{field: value})) == criterion_digest(CLAIM)


def test_the_digest_repeats_in_every_process():
    # A digest is compared with the tracked one: it may only change together with the claims themselves.
    assert criterion_digest(CLAIM) == "6f96032422de4f5f"


def test_a_profile_decides_itself_and_all_smaller_ones():
    assert [decides(profile, CLAIM) for profile in PROFILE_ORDER] == [False, False, True, True]
    assert not decides("my_own", CLAIM)


def test_only_deciding_runs_have_the_confirmatory_root():
    roots = [root_for(profile, CLAIM, 7) for profile in (*PROFILE_ORDER, "my_own")]
    assert roots == [7, 7, CONFIRMATORY_ROOT, CONFIRMATORY_ROOT, 7]


def test_what_was_not_computed_says_what_it_waits_for():
    assert default_verdict(CLAIM, "laptop").notes == ("needs night",)
    assert default_verdict(CLAIM, "night").notes == ("no result at this profile",)
    assert default_verdict(CLAIM, "laptop").verdict == "not evaluated"
