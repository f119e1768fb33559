"""Claim on β-VAEs (arXiv:2503.02526): unlike gains of encoder and decoder change disentanglement at equal fit."""

import numpy as np
import xarray as xr

from companion.analysis.statistics import Interval, bootstrap_interval, holm, sign_flip_test
from companion.claims.judging import judge_exact, judge_p_value
from companion.claims.protocol import Claim, Regime, RegimeVerdict, Verdict, VerdictName, stored_keys
from companion.claims.unet_contrasts import shortage
from companion.compute.seeds import generator

SOURCE = "2503.02526"
IMBALANCE, UNDERTRAINED_IMBALANCE = 0.5, 1.0
MINIMUM_SEEDS = 10
LEVEL = 0.05
#: Both intervals inside ± this: gains make no difference that matters (balanced starts have a gap of about .09).
NEGLIGIBLE = 0.03
#: A checkpoint's error must be this close to the common one, relatively.
CLOSEST = 0.05
#: Common errors above this share of the pixels' total variance are those of networks that have learned next to nothing.
LARGEST_SHARE = 0.25
ORACLE = 0.99
SETTING = {"data": "sprites-3", "optimiser": "adam", "beta": 4.0}
_SIGNS = ("-", "+")

VAE_INITIALISATION = Claim(
    id="p3_e_vae",
    statement="Unlike gains of encoder and decoder at the start change how disentangled the latents of a β-VAE are, at "
    "equal fit.",
    quantity=r"MIG at $L=\pm.5$ minus MIG at $L=0$, paired by seed (start up to its gains, batches, noise), each where "
    "the squared error on all images first comes down to the lowest value that all three runs of the seed reach, "
    r"linear in log error between checkpoints; sprites-3, $\beta=4$, Adam.",
    criterion="Two-sided sign-flip tests, Holm over the two imbalances: holds if at least one p < .05; fails if "
    "neither is and both 95 % intervals lie within .03 of 0. No sign is asserted. At least 10 seeds, in every run a "
    "checkpoint within 5 % of the common error, and that error below a quarter of the total variance of the pixels, or "
    "it is not evaluated.",
    version=1,
    profile="night",
    figure="p3_f11_vae",
    deterministic=False,
    source=SOURCE,
    note="The paper's data, metric and ranges are not known to us: data, network, β and metric are ours. Thresholds "
    "come from exploratory seeds alone: in 30 of them the gap of L = -.5 and of +.5 differed by .00 and +.01 on "
    "average, and by about .09 from seed to seed, so that it takes some 50 seeds to tell .03 from nothing.",
    regimes=(
        Regime(
            "|L| = 1",
            "starts a decade apart per layer are under-trained: they do not reach a fit at which to compare",
            expected="not evaluated",
        ),
        Regime(
            "oracle code",
            "the factors themselves, as a code, must have a gap of .99 or more",
            expected="holds",
        ),
    ),
)


def gains_change_disentanglement(data: xr.Dataset) -> Verdict:
    """Verdict on `VAE_INITIALISATION` from the study's ``initialisation``, of which the first setting is judged."""
    claim = VAE_INITIALISATION
    first = data.isel(setting=0)
    reason = shortage(claim.profile, data, least=MINIMUM_SEEDS) or _misfit(data) or _unfit(first, IMBALANCE)
    differences = _differences(first, IMBALANCE, "matched_gap")
    verdict, adjusted = _judged(differences)
    decided = not reason and verdict != "not evaluated"
    main = int(np.argmin(adjusted)) if decided else 0
    return Verdict(
        claim.id,
        verdict if decided else "not evaluated",
        value=float(differences[main].mean()) if decided else None,
        interval=_interval(differences[main]) if decided else None,
        value_text=_listed(differences, adjusted) if not reason else "",
        replicates=data.sizes["replicate"],
        root_seed=int(data.attrs["root_seed"]),
        regimes=(_extreme(data), _oracle(data)),
        notes=tuple(filter(None, (reason, *_beside(data)))),
        keys=stored_keys(data),
    )


def _differences(first: xr.Dataset, size: float, name: str) -> np.ndarray:
    """Measure at -L and +L minus that at 0, (2, replicates); NaN where they were not run."""
    found = first[name].reindex(contrast=[size], method="nearest", tolerance=1e-9).isel(contrast=0)
    values = found.transpose("side", "replicate").values
    return values[[0, 2]] - values[1]


def _judged(differences: np.ndarray) -> tuple[VerdictName, np.ndarray]:
    """Verdict and Holm-corrected p-values of the two contrasts."""
    p_values = [
        sign_flip_test(each, generator=generator(0, "sign flips", "vae", place))
        for place, each in enumerate(differences)
    ]
    adjusted = holm(p_values)
    if np.isnan(adjusted).any():
        return "not evaluated", adjusted
    verdict = judge_p_value(
        float(adjusted.min()), LEVEL, replicates=differences.shape[1], minimum_replicates=MINIMUM_SEEDS
    )
    if verdict == "inconclusive" and differences.shape[1] >= MINIMUM_SEEDS:
        ends = np.abs([_interval(each) for each in differences])
        verdict = "fails" if ends.max() < NEGLIGIBLE else verdict
    return verdict, adjusted


def _interval(samples: np.ndarray) -> Interval:
    return bootstrap_interval(samples, generator=generator(0, "vae"))


def _misfit(data: xr.Dataset) -> str:
    """Why the first setting is not the one that was registered; empty where it is."""
    wrong = [name for name, value in SETTING.items() if data.attrs.get(name) != value]
    given = ", ".join(f"{name} {data.attrs.get(name)}" for name in wrong)
    return f"needs sprites-3, Adam and β = 4 first, {given} given" if wrong else ""


def _unfit(first: xr.Dataset, size: float) -> str:
    """Why there is no equal fit to compare at; empty where there is."""
    found = first.reindex(contrast=[size], method="nearest", tolerance=1e-9).isel(contrast=0)
    common, off = found.common_error.values, found.off.values
    if np.isnan(common).any() or np.isnan(off).any():
        return f"L = ±{size:g} and 0 do not all have a common error"
    largest, limit = float(common.max()), LARGEST_SHARE * float(first.variance)
    if largest > limit:
        return f"the common error, up to {largest:.2f}, is above {limit:.2f}: under-trained"
    if off.max() > CLOSEST:
        return f"a run has no checkpoint within 5 % of the common error (nearest {100 * off.max():.0f} %)"
    return ""


def _text(samples: np.ndarray) -> str:
    low, high = _interval(samples)
    return f"{samples.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def _listed(differences: np.ndarray, adjusted: np.ndarray) -> str:
    return "; ".join(
        f"L = {sign}{IMBALANCE:g}: {_text(each)}, Holm p = {p_value:.3f}"
        for sign, each, p_value in zip(_SIGNS, differences, adjusted, strict=True)
    )


def _extreme(data: xr.Dataset) -> RegimeVerdict:
    """The contrast at |L| = 1, judged by the same rules."""
    first = data.isel(setting=0)
    short = shortage(VAE_INITIALISATION.profile, data, least=MINIMUM_SEEDS)
    reason = short or _misfit(data) or _unfit(first, UNDERTRAINED_IMBALANCE)
    found = "not evaluated" if reason else _judged(_differences(first, 1.0, "matched_gap"))[0]
    return VAE_INITIALISATION.regimes[0].found(found, reason)


def _oracle(data: xr.Dataset) -> RegimeVerdict:
    gap = float(data.oracle_gap)
    return VAE_INITIALISATION.regimes[1].found(judge_exact(gap >= ORACLE, [gap]), f"gap {gap:.4f}")


def _beside(data: xr.Dataset) -> list[str]:
    """The same contrast by DCI, and in the other settings, for the reader: they decide nothing."""
    notes = []
    for place, label in enumerate(data.setting.values):
        part = data.isel(setting=place)
        reason = _unfit(part, IMBALANCE)
        for name, words in (("matched_gap", "MIG"), ("matched_disentanglement", "D of DCI")):
            if place == 0 and name == "matched_gap":
                continue
            differences = _differences(part, IMBALANCE, name)
            texts = [
                f"L = {sign}{IMBALANCE:g} {_text(each)}"
                for sign, each in zip(_SIGNS, differences, strict=True)
            ]
            notes.append(f"{label}, {words}: {reason or ', '.join(texts)}")
    return notes
