"""Stored experiment on speciation with learned scores: random features, trained for some time at every t.

Two majorities and a minority of deviation 1 with orthogonal centroids of norm √d. A draw is a training set with its
features. Clones start from noised points of the true classes, follow the learned score, and are counted in the class
that is most probable where they end. ReLU features: odd ones without bias tell neither μ from -μ nor shares apart.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.compute.seeds import generator
from companion.compute.sweeps import Condition, sweep
from companion.datasets.gaussian_mixture import sample
from companion.models.learned_scores import learned_scores
from companion.models.random_features import draw_features
from companion.store.durable import stored
from companion.studies.speciation import ROLES, SPECIATION_TIME, TIME, by_role, two_majorities
from companion.theory.attribution import Attribution, normalised
from companion.theory.backward_diffusion import clone_attribution
from companion.theory.class_posterior import GaussianClasses
from companion.theory.mixtures import Mixture
from companion.theory.speciation import sampled_crossing, speciation_times

EARLIEST, LATEST = 0.02, 3.5


def start_places(steps: int, starts: int) -> list[int]:
    """Places in the grid of times from which clones start, evenly in its first two thirds: later, all return."""
    return sorted({round(place) for place in np.linspace(0, steps / 1.5, starts)})


@stored(
    work=lambda conditions, dimension, sample_ratio, feature_ratio, training_times, clones, starts, steps, **_: (
        len(conditions)
        * (
            5e7
            + steps * (feature_ratio * dimension) ** 2 * dimension * (feature_ratio + sample_ratio)
            + (len(training_times) + 1) * clones * starts * steps * feature_ratio * dimension**2
        )
    ),
)
def learned_block(
    conditions: Sequence[Condition],
    minority_weight: float,
    dimension: int,
    sample_ratio: float,
    feature_ratio: float,
    training_times: Sequence[float],
    clones: int,
    starts: int,
    steps: int,
    activation: str,
    seed: int,
) -> xr.Dataset:
    """Where clones end, for each condition (``draw``).

    ``ended`` (condition, training, start, label, end_label): shares of the ends; the last ``training`` is the exact
    score on the same grid of times.
    """
    weights, identity = two_majorities(minority_weight), tuple(map(tuple, np.eye(3).tolist()))
    mixture = Mixture(weights, (1.0, 1.0, 1.0), identity, activation=activation)
    times = np.geomspace(LATEST, EARLIEST, steps + 1)
    places = start_places(steps, starts)
    ended = np.empty((len(conditions), len(training_times) + 1, len(places), 3, 3))
    for row, condition in enumerate(conditions):
        draw = condition["draw"]
        noise = generator(seed, "learned", draw)
        samples = sample(mixture, round(sample_ratio * dimension), dimension, noise)
        features = draw_features(mixture, round(feature_ratio * dimension), dimension, noise)
        classes = GaussianClasses(np.array(weights), np.ones(3), samples.centroids)
        learned = learned_scores(features, samples, times[:-1], training_times)
        scores = [learned.score(place) for place in range(len(training_times))]
        for place, score in enumerate([*scores, classes.score]):
            walk = generator(seed, "walk", draw)  # the same noise at all training times: contrasts are paired
            _, labels = clone_attribution(score, classes, places, times, clones, walk)
            ended[row, place] = (labels[..., None] == np.arange(3)).mean(axis=2)
    return xr.Dataset(
        {"ended": (("condition", "training", "start", "label", "end_label"), ended)},
        coords={"start": ("start", times[places], TIME)},
    )


@stored(calls="body")
def learned_speciation(
    minority_weight: float,
    dimension: int,
    sample_ratio: float,
    feature_ratio: float,
    training_times: Sequence[float],
    clones: int,
    draws: int,
    seed: int,
    *,
    starts: int = 13,
    steps: int = 36,
    activation: str = "relu",
) -> xr.Dataset:
    """Attribution, speciation times and class shares of learned scores as training proceeds.

    ``attribution`` (draw, training, start, role): share of clones that end in the class they come from, at training
    times T ``training`` (eigen-time, the same at every t); ``share`` (draw, training, role): share of each class among
    samples from the latest time, by which curves are normalised before their ``time`` (draw, training, role) is read;
    ``control_attribution``, ``control_time``: the same for the exact score on the same grid. Exact: ``curve``
    (moment, role), ``exact_time``, ``weight`` (role,).
    """
    found = sweep(
        learned_block,
        [{"draw": draw} for draw in range(draws)],
        block=1,
        label=f"learned scores at d = {dimension}",
        minority_weight=minority_weight,
        dimension=dimension,
        sample_ratio=sample_ratio,
        feature_ratio=feature_ratio,
        training_times=training_times,
        clones=clones,
        starts=starts,
        steps=steps,
        activation=activation,
        seed=seed,
    )
    weights = np.array(two_majorities(minority_weight))
    begin, ended = found.start.values, found.ended.values
    curves = by_role(np.diagonal(ended, axis1=3, axis2=4))
    shares = by_role(np.einsum("c,dtce->dte", weights, ended[:, :, 0]))
    heights = normalised(curves, shares[:, :, None, :])
    crossings = np.apply_along_axis(lambda curve: sampled_crossing(begin, curve), 2, heights)
    centroids = np.sqrt(dimension) * np.eye(3, dimension)
    classes = GaussianClasses(weights, np.ones(3), centroids)
    times = np.geomspace(begin.min(), LATEST, 120)
    curve = Attribution(classes, generator(seed, "exact"), 2**14).curves(times, balanced=True)
    exact = speciation_times(weights, np.ones(3), centroids, "normalised")
    share = {"long_name": "share of generated samples"}
    attribution = {"long_name": "share of clones that end in their class"}
    return xr.Dataset(
        {
            "attribution": (("draw", "training", "start", "role"), curves[:, :-1], attribution),
            "share": (("draw", "training", "role"), shares[:, :-1], share),
            "time": (("draw", "training", "role"), crossings[:, :-1], SPECIATION_TIME),
            "control_attribution": (("draw", "start", "role"), curves[:, -1], attribution),
            "control_share": (("draw", "role"), shares[:, -1], share),
            "control_time": (("draw", "role"), crossings[:, -1], SPECIATION_TIME),
            "curve": (("moment", "role"), by_role(curve), {"long_name": "attribution $C_c(t)$"}),
            "exact_time": ("role", by_role(exact), SPECIATION_TIME),
            "weight": ("role", by_role(weights), {"long_name": r"weight $\pi_c$"}),
        },
        coords={
            "training": ("training", list(training_times), {"long_name": "training time $T$"}),
            "start": ("start", begin, TIME),
            "moment": ("moment", times, TIME),
            "role": list(ROLES),
        },
        attrs={
            "dimension": dimension,
            "samples": round(sample_ratio * dimension),
            "features": round(feature_ratio * dimension),
            "minority_weight": minority_weight,
            "clones": clones,
            "activation": activation,
            "root_seed": seed,
        },
    )
