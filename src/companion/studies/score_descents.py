"""Stored learning curves of one setting: theory, closed form at finite size, and descent with drawn noise."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.compute.seeds import generator
from companion.compute.sweeps import Condition, sweep
from companion.datasets.gaussian_mixture import sample
from companion.models.random_features import draw_features
from companion.store.durable import stored
from companion.studies.score_comparison import chosen, compared_curves
from companion.studies.score_settings import ScoreSetting
from companion.training.score_descent import descend_score, largest_stable_step

_SHARE_OF_STABLE = 0.25  # of the largest stable step, so that descent is close to its flow


@stored(
    work=lambda conditions, setting, dimension, last_time, **_: (
        len(conditions) * last_time * setting.feature_ratio**2 * setting.sample_ratio * dimension**3
    ),
)
def descent_block(
    conditions: Sequence[Condition],
    setting: ScoreSetting,
    dimension: int,
    last_time: float,
    marks: int,
    seed: int,
) -> xr.Dataset:
    """Losses of models trained by descent, new noise for every point in every step, one for each ``draw``.

    ``train`` and ``test`` (condition, mark, label), averaged over all noise, at eigen-times ``mark``.
    """
    mixture, found = setting.mixture, []
    times = np.geomspace(last_time / 300, last_time, marks)
    for condition in conditions:
        # The same features and points as those of the closed form, and noise of their own.
        noise = generator(seed, "score model", dimension, condition["draw"])
        model = draw_features(mixture, round(setting.feature_ratio * dimension), dimension, noise)
        samples = sample(mixture, round(setting.sample_ratio * dimension), dimension, noise)
        train = model.train_matrices(samples)
        population = model.population_matrices(mixture, samples.centroids)
        step = _SHARE_OF_STABLE * largest_stable_step(train, setting.class_weights, samples.labels.size)
        trained = descend_score(
            model,
            samples,
            train,
            population,
            step=step,
            steps=max(1, int(np.ceil(last_time / step))),
            generator=generator(seed, "score noise", dimension, condition["draw"]),
            class_weights=setting.class_weights,
            records=200,
        )
        # Losses are 1 before the first step, which may be longer than the first times asked for.
        taken = np.concatenate([[0.0], trained.times])
        losses = (
            np.pad(which, [(1, 0), (0, 0)], constant_values=1.0) for which in (trained.train, trained.test)
        )
        found.append([[np.interp(times, taken, one) for one in which.T] for which in losses])
    values = np.moveaxis(np.array(found), -1, 2)
    dims = ("condition", "mark", "label")
    return xr.Dataset(
        {"train": (dims, values[:, 0]), "test": (dims, values[:, 1])},
        coords={"mark": ("mark", times, {"long_name": "eigen-time $T$"})},
    )


@stored(calls="body")
def learning_curves(
    name: str, dimension: int, draws: int, descents: int, last_time: float, seed: int, *, marks: int = 9
) -> xr.Dataset:
    """Curves of the setting ``name`` as in `compared_curves`, and of ``descents`` draws trained by descent.

    ``descended_train`` and ``descended_test`` (descent, descent_time, label) go up to eigen-time ``last_time``.
    Raises ValueError for an unknown setting, fewer than one descent and a time that is not positive.
    """
    if descents < 1:
        raise ValueError(f"descents: given {descents}; allowed: at least 1")
    if not (np.isfinite(last_time) and last_time > 0):
        raise ValueError(f"last_time: given {last_time}; allowed: positive and finite")
    curves = compared_curves([name], dimension, draws, seed)
    descended = sweep(
        descent_block,
        [{"draw": draw} for draw in range(descents)],
        block=1,
        label=f"descent of scores at d = {dimension}",
        setting=chosen([name])[name],
        dimension=dimension,
        last_time=last_time,
        marks=marks,
        seed=seed,
    )
    renamed = descended.rename(condition="descent", mark="descent_time").drop_vars("draw")
    return curves.assign({f"descended_{which}": renamed[which] for which in ("train", "test")})
