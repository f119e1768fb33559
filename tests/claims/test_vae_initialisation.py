"""The claim on gains of β-VAEs is judged right on results whose verdict is known."""

import math

import numpy as np
import pytest
import xarray as xr

from companion.claims import vae_initialisation as claims
from companion.claims.protocol import criterion_digest


def results(
    left=0.0,
    right=0.0,
    *,
    replicates=12,
    spread=0.02,
    common=2.2,
    off=0.02,
    oracle=1.0,
    attrs=None,
    settings=1,
):
    """Gaps at equal error around .1, moved by ``left`` and ``right`` at L = -.5 and +.5; error 5.5 at |L| = 1."""
    noise = np.random.default_rng(0).normal(size=(3, replicates))
    noise -= noise.mean(axis=1, keepdims=True)
    gap = (0.1 + np.array([left, 0.0, right])[:, None] + spread * noise).T
    both = np.stack([gap, gap])
    shape = (settings, 2, replicates)
    errors = np.broadcast_to(np.array([common, 5.5])[:, None], shape).copy()
    dims = ("setting", "contrast", "replicate")
    return xr.Dataset(
        {
            "matched_gap": ((*dims, "side"), np.broadcast_to(both, (*shape, 3)).copy()),
            "matched_disentanglement": ((*dims, "side"), np.broadcast_to(both, (*shape, 3)).copy()),
            "common_error": (dims, errors),
            "off": ((*dims, "side"), np.full((*shape, 3), off)),
            "oracle_gap": ((), oracle),
            "variance": ((), 18.0),
        },
        coords={
            "contrast": [0.5, 1.0],
            "setting": [f"Adam, {place}" for place in range(settings)],
            "side": ["-", "0", "+"],
        },
        attrs={"root_seed": 7, "data": "sprites-3", "optimiser": "adam", "beta": 4.0} | (attrs or {}),
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"right": 0.05}, "holds"),
        ({"left": -0.05}, "holds"),
        ({"left": 0.05, "right": -0.05}, "holds"),
        ({}, "fails"),
        ({"left": 0.008, "right": -0.008}, "fails"),
        ({"spread": 0.2}, "inconclusive"),
        ({"right": 0.05, "spread": 0.2}, "inconclusive"),
        ({"right": 0.05, "replicates": 9}, "not evaluated"),
        ({"right": 0.05, "common": 5.0}, "not evaluated"),
        ({"right": 0.05, "common": math.nan}, "not evaluated"),
        ({"right": 0.05, "off": 0.06}, "not evaluated"),
        ({"right": math.nan}, "not evaluated"),
        ({"right": 0.05, "attrs": {"beta": 1.0}}, "not evaluated"),
        ({"right": 0.05, "attrs": {"optimiser": "sgd"}}, "not evaluated"),
    ],
)
def test_gains_change_disentanglement(options, expected):
    verdict = claims.gains_change_disentanglement(results(**options))
    assert verdict.verdict == expected
    assert (verdict.replicates, verdict.root_seed) == (options.get("replicates", 12), 7)
    assert (verdict.value is None) == (expected == "not evaluated")


def test_the_smaller_p_value_is_shown():
    verdict = claims.gains_change_disentanglement(results(left=0.01, right=-0.05))
    assert verdict.value == pytest.approx(-0.05)
    assert verdict.interval[0] < -0.05 < verdict.interval[1] < 0
    assert "L = -0.5: +0.010" in verdict.value_text and "L = +0.5: -0.050" in verdict.value_text


def test_holm_corrects_for_both_imbalances():
    """Ten seeds of which eight are positive by hand: p = .0547... for one, and twice that here."""
    found = results(replicates=10, spread=0.0)
    moved = np.array([1, 1, 1, 1, 1, 1, 1, 1, -1, 0.5])
    found.matched_gap[0, 0, :, 2] += 0.05 * moved
    verdict = claims.gains_change_disentanglement(found)
    one_sided = sum(
        1
        for bits in range(1024)
        if sum((-1) ** (bits >> place & 1) * moved[place] for place in range(10)) >= 7.5
    )
    p_value = 2 * one_sided / 1024
    assert f"Holm p = {2 * p_value:.3f}" in verdict.value_text
    assert verdict.verdict == ("holds" if 2 * p_value < 0.05 else "inconclusive")


def test_more_seeds_than_all_signs():
    assert claims.gains_change_disentanglement(results(right=0.05, replicates=32)).verdict == "holds"


def test_few_seeds_say_what_they_need():
    verdict = claims.gains_change_disentanglement(results(right=0.05, replicates=3))
    assert verdict.notes[0] == "needs night: at least 10 replicates, 3 given"


def regimes(found):
    return {
        each.name: (each.verdict, each.unexpected)
        for each in claims.gains_change_disentanglement(found).regimes
    }


def test_regimes_as_registered():
    found = regimes(results())
    assert found == {"|L| = 1": ("not evaluated", False), "oracle code": ("holds", False)}
    assert len(found) == len(claims.VAE_INITIALISATION.regimes)


def test_regimes_that_surprise():
    fitted = results(right=0.05)
    fitted.common_error[0, 1] = 2.0
    assert regimes(fitted)["|L| = 1"] == ("holds", True)
    assert regimes(results(oracle=0.9))["oracle code"] == ("fails", True)
    assert regimes(results(oracle=math.nan))["oracle code"] == ("not evaluated", False)


def test_without_the_imbalances_there_is_no_verdict():
    found = results(right=0.05).isel(contrast=[1])
    assert claims.gains_change_disentanglement(found).verdict == "not evaluated"


def test_other_settings_are_noted_and_decide_nothing():
    found = results(right=0.05, settings=2)
    found.matched_gap[1] = 0.5
    found.common_error[1] = 9.0
    verdict = claims.gains_change_disentanglement(found)
    assert verdict.verdict == "holds"
    assert [note.split(":")[0] for note in verdict.notes] == [
        "Adam, 0, D of DCI",
        "Adam, 1, MIG",
        "Adam, 1, D of DCI",
    ]
    assert "under-trained" in verdict.notes[1]


def test_the_criterion_is_fixed():
    claim = claims.VAE_INITIALISATION
    assert (claim.id, claim.version, claim.profile) == ("p3_e_vae", 1, "night")
    assert len(criterion_digest(claim)) == 16
