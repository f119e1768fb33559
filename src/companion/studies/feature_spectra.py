"""Stored spectra of random features: densities of the theory beside eigenvalues at finite size (arXiv:2605.06367)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from companion.compute.seeds import generator
from companion.compute.sweeps import Condition, sweep
from companion.datasets.gaussian_mixture import sample
from companion.models.feature_densities import empirical_density
from companion.models.random_features import draw_features
from companion.store.durable import stored
from companion.studies.score_settings import SETTINGS, ScoreSetting, two_classes
from companion.theory.random_features import class_spectral_density, spectral_density
from companion.theory.spectral_bands import atom

KINDS = ("gaussian equivalent", "exact")
_EIGENVALUE = {"long_name": r"eigenvalue $\lambda$"}
# Both sides of a distance are taken at λ(1 + .05 i): no bins, no mismatch of smoothing.
_SMOOTHING, _FROM, _TO = 0.05, 0.005, 15.0

#: One class; two variances; two variances and centroids; imbalance and centroids.
CASES = {
    "A": ScoreSetting(
        weights=(1.0,),
        standard_deviations=(1.0,),
        centroid_gram=((0.0,),),
        diffusion_time=0.1,
        sample_ratio=4.0,
        feature_ratio=8.0,
    ),
    "B": two_classes(deviations=(1.5, 0.5), sizes=(4, 8)),
    "C": two_classes(deviations=(1.5, 0.5), gram=(1, 1), sizes=(4, 8)),
    "D": two_classes(deviations=(1, 1), gram=(1, 1), share=0.9, sizes=(4, 8)),
}


@stored(
    work=lambda conditions, dimension, **_: sum(
        (each["setting"].feature_ratio * dimension) ** 3
        + 2 * each["setting"].sample_ratio * each["setting"].feature_ratio ** 2 * dimension**3
        for each in conditions
    ),
)
def eigenvalue_block(conditions: Sequence[Condition], dimension: int, seed: int) -> xr.Dataset:
    """Eigenvalues (condition, kind, rank) of U, exact and Gaussian equivalent, and the share of class 1 in each mode.

    A condition names ``setting`` and ``draw``; rows of W have norm √d. All settings have one feature ratio.
    """
    eigenvalues, shares = [], []
    for condition in conditions:
        setting, mixture = condition["setting"], condition["setting"].mixture
        noise = generator(seed, "spectrum", dimension, condition["draw"])
        features = round(setting.feature_ratio * dimension)
        model = draw_features(mixture, features, dimension, noise, normalise_rows=True)
        samples = sample(mixture, round(setting.sample_ratio * dimension), dimension, noise)
        equivalent = model.gaussian_equivalent(mixture, samples, noise).matrices()
        pair = []
        for matrices in (equivalent, model.train_matrices(samples)):
            values, modes = np.linalg.eigh(matrices.weighted().features)
            moments = np.einsum("ik,ik->k", modes, matrices.features[0] @ modes)
            pair.append((values, matrices.shares[0] * moments / values))
        eigenvalues.append([values for values, _ in pair])
        shares.append([share for _, share in pair])
    dims = ("condition", "kind", "rank")
    return xr.Dataset(
        {
            "eigenvalue": (dims, np.array(eigenvalues), _EIGENVALUE),
            "class_share": (dims, np.array(shares), {"long_name": "share of class 1 in the mode"}),
        },
        coords={"kind": list(KINDS)},
    )


@stored(
    calls="body",
    work=lambda draws, places, **_: draws * places,
)
def spectra(dimension: int, draws: int, seed: int, *, places: int = 180, bins: int = 44) -> xr.Dataset:
    """Spectra of the four `CASES`: density per decade of e, λρ(λ), by theory and as histograms.

    ``theory`` (setting, place) at ``eigenvalue``; ``histogram`` (setting, kind, draw, bin) at ``centre``;
    ``atom_place`` and ``atom_mass`` (setting,), NaN without an atom; ``distance`` (setting, kind, draw) is the
    L1 distance of the densities, both smoothed to η = .05, over λ from .005 to 15. Raises ValueError for no
    dimension or draws.
    """
    return _compared(CASES, dimension, draws, seed, places, bins).drop_vars("class_histogram")


@stored(
    calls=lambda dimension, draws, seed, **_: [
        sweep(
            eigenvalue_block,
            [{"setting": each, "draw": draw} for each in settings for draw in range(draws)],
            block=1,
            dimension=size,
            seed=seed,
        )
        for settings, size in (
            ([CASES["B"], CASES["C"]], dimension),
            ([SETTINGS["R1"]], max(dimension // 2, 10)),
        )
    ],
)
def class_spectra(dimension: int, draws: int, seed: int, *, places: int = 180, bins: int = 44) -> xr.Dataset:
    """Class-resolved spectra λρ_c(λ) of cases B and C, and of run R1 at half the dimension (see `spectra`).

    ``class_theory`` (setting, place, label) and, of the exact matrix, ``class_histogram`` (setting, draw, bin, label).
    """
    small = _compared({name: CASES[name] for name in "BC"}, dimension, draws, seed, places, bins)
    rare = _compared({"R1": SETTINGS["R1"]}, max(dimension // 2, 10), draws, seed, places, bins)
    joined = xr.concat([small, rare], dim="setting", join="exact", combine_attrs="override")
    return joined[["class_theory", "class_histogram"]].sel(kind="exact", drop=True)


def _compared(
    settings: dict[str, ScoreSetting], dimension: int, draws: int, seed: int, places: int, bins: int
) -> xr.Dataset:
    for name, value in (("dimension", dimension), ("draws", draws)):
        if value < 1:
            raise ValueError(f"{name}: given {value}; allowed: at least 1")
    conditions = [
        {"setting": setting, "draw": draw} for setting in settings.values() for draw in range(draws)
    ]
    found = sweep(
        eigenvalue_block,
        conditions,
        block=1,
        label=f"spectra at d = {dimension}",
        dimension=dimension,
        seed=seed,
    )
    shape = (len(settings), draws, len(KINDS), found.sizes["rank"])
    eigenvalues = found.eigenvalue.values.reshape(shape).swapaxes(1, 2)
    shares = found.class_share.values.reshape(shape).swapaxes(1, 2)
    edges = np.geomspace(2e-3, 60.0, bins + 1)
    smooth = np.geomspace(_FROM, _TO, places)
    grid = np.geomspace(2e-3, 60.0, places)
    rows = [
        _row(setting, eigenvalues[row], shares[row], grid, edges, smooth)
        for row, setting in enumerate(settings.values())
    ]
    labels = max(row["class_theory"].shape[-1] for row in rows)
    for row in rows:
        for name in ("class_theory", "class_histogram"):
            row[name] = np.pad(
                row[name],
                [(0, 0)] * (row[name].ndim - 1) + [(0, labels - row[name].shape[-1])],
                constant_values=np.nan,
            )
    dims = {
        "theory": ("place",),
        "class_theory": ("place", "label"),
        "histogram": ("kind", "draw", "bin"),
        "class_histogram": ("kind", "draw", "bin", "label"),
        "distance": ("kind", "draw"),
        "atom_place": (),
        "atom_mass": (),
    }
    return xr.Dataset(
        {
            name: (("setting", *dims[name]), np.stack([row[name] for row in rows]), {"long_name": text})
            for name, text in _NAMES.items()
        },
        coords={
            "setting": list(settings),
            "kind": list(KINDS),
            "eigenvalue": ("place", grid, _EIGENVALUE),
            "centre": ("bin", np.sqrt(edges[1:] * edges[:-1]), _EIGENVALUE),
        },
        attrs={"dimension": dimension, "root_seed": seed},
    )


_NAMES = {
    "theory": r"$\lambda\rho(\lambda)$",
    "class_theory": r"$\lambda\rho_c(\lambda)$",
    "histogram": r"$\lambda\rho(\lambda)$",
    "class_histogram": r"$\lambda\rho_c(\lambda)$",
    "distance": "L1 distance",
    "atom_place": r"atom at $\lambda$",
    "atom_mass": "mass of the atom",
}


def _row(setting: ScoreSetting, eigenvalues, shares, grid, edges, smooth) -> dict[str, np.ndarray]:
    mixture, sizes = setting.mixture, setting.sizes
    # A field's noise shows as a comb of narrow peaks unless its nodes are closer than the broadening.
    fine: dict[str, Any] = (
        {"broadening": 2e-3, "nodes": 24} if not mixture.gram.any() else {"broadening": 2e-2, "nodes": 96}
    )
    theory = spectral_density(grid, mixture, *sizes, **fine)
    by_class = class_spectral_density(grid, mixture, *sizes, **fine)
    wide = spectral_density(smooth, mixture, *sizes, broadening=_SMOOTHING)
    width = np.diff(np.log(edges))
    one = eigenvalues.shape[-1] * width
    counts = np.apply_along_axis(lambda values: np.histogram(values, edges)[0], -1, eigenvalues) / one
    first = np.array(
        [
            [
                np.histogram(values, edges, weights=weights)[0] / one
                for values, weights in zip(*kind, strict=True)
            ]
            for kind in zip(eigenvalues, shares, strict=True)
        ]
    )
    parts = [first] if mixture.classes == 1 else [first, counts - first]
    distance = [
        [np.trapezoid(abs(empirical_density(values, smooth, _SMOOTHING) - wide), smooth) for values in kind]
        for kind in eigenvalues
    ]
    peak = atom(mixture, *sizes)
    return {
        "theory": grid * theory,
        "class_theory": grid[:, None] * by_class,
        "histogram": counts,
        "class_histogram": np.stack(parts, axis=-1),
        "distance": np.array(distance),
        "atom_place": np.array(peak.place if peak.mass else np.nan),
        "atom_mass": np.array(peak.mass or np.nan),
    }
