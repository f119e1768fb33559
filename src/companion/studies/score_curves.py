"""Stored learning curves of random-features score models: closed form at finite size, and the theory.

Times are eigen-times T, in which mode k of the features' second moments relaxes as e^-λ_k T
(arXiv:2605.06367; the equations are derived in ``theory.score_losses``). A draw is a training set with
its random features; draws of the same number share their noise across settings, so contrasts are paired.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from companion.analysis import timescales
from companion.compute.seeds import generator
from companion.compute.sweeps import Condition, sweep
from companion.datasets.gaussian_mixture import sample
from companion.models.random_features import draw_features
from companion.store.durable import stored
from companion.studies.score_settings import ScoreSetting
from companion.theory.score_losses import flow_losses

TIME = {"long_name": "eigen-time $T$"}
#: Shares of the reducible loss, relative and absolute margins at which clocks are read.
SHARES = (0.3, 0.5, 0.7, 0.9)
MARGINS = (0.1, 0.25, 0.5, 1.0)
GAPS = (0.05, 0.1)


def time_grid(moments: int, first: float = 1e-3, last: float = 1e4) -> np.ndarray:
    """Eigen-times at which losses are kept, evenly in the logarithm."""
    return np.geomspace(first, last, moments)


@stored(
    work=lambda conditions, together, **_: (
        together
        * sum(
            p**2 * (p + 800)
            for p in (each["setting"].feature_ratio * each["dimension"] for each in conditions)
        )
    ),
    disk=lambda conditions, together, moments, **_: len(conditions) * together * moments,
)
def draw_block(conditions: Sequence[Condition], together: int, moments: int, seed: int) -> xr.Dataset:
    """Losses of trained models: each condition (``setting``, ``dimension``, ``batch``) is ``together`` draws.

    Variables ``train`` and ``test`` (condition, member, time, label); all settings have equally many classes.
    """
    times, found = time_grid(moments), []
    for condition in conditions:
        setting, dimension = condition["setting"], condition["dimension"]
        mixture, first = setting.mixture, condition["batch"] * together
        for draw in range(first, first + together):
            noise = generator(seed, "score model", dimension, draw)
            model = draw_features(mixture, round(setting.feature_ratio * dimension), dimension, noise)
            samples = sample(mixture, round(setting.sample_ratio * dimension), dimension, noise)
            flow = model.score_flow(mixture, samples, setting.class_weights)
            found.append(np.stack(flow.learning_curves(times)))
    losses = np.stack(found).reshape(len(conditions), together, *found[0].shape)
    return _losses(np.moveaxis(losses, 2, 1), times, ("condition", "member", "time", "label"))


def _draws_together(dimension: int) -> int:
    """Draws that make one block of a second or more."""
    return 5 if dimension <= 60 else 1


@stored(
    calls="body",
    work=lambda settings, draws, moments, **_: len(settings) * draws * moments,
)
def simulated_curves(
    settings: Mapping[str, ScoreSetting], dimension: int, draws: int, seed: int, *, moments: int = 281
) -> xr.Dataset:
    """Learning curves of ``draws`` models of each setting at dimension d, and their clocks.

    Dims ``setting`` (by name, in alphabetical order), ``draw``, ``time``, ``label``; with `clocks`.
    Draws come in batches of five where models are small; more of them compute only the new ones.
    Raises ValueError for fewer than one draw, or settings of unlike numbers of classes.
    """
    _check(settings, draws=draws, dimension=dimension)
    together = _draws_together(dimension)
    batches = -(-draws // together)
    found = sweep(
        draw_block,
        [
            {"setting": setting, "dimension": dimension, "batch": batch}
            for setting in settings.values()
            for batch in range(batches)
        ],
        block=1,
        label=f"score models at d = {dimension}",
        together=together,
        moments=moments,
        seed=seed,
    )
    names = list(settings)
    shape = (len(names), batches * together, found.sizes["time"], found.sizes["label"])
    dims = ("setting", "draw", "time", "label")
    curves = {
        name: (dims, found[name].values.reshape(shape)[:, :draws], found[name].attrs)
        for name in ("train", "test")
    }
    dataset = xr.Dataset(curves, coords={"setting": names, "time": found.time})
    dataset = dataset.assign(_reducible(settings)).assign_attrs(dimension=dimension, root_seed=seed)
    return dataset.assign(clocks(dataset))


@stored(work=lambda conditions, **_: len(conditions))
def theory_block(conditions: Sequence[Condition], moments: int, nodes: int) -> xr.Dataset:
    """Asymptotic losses, one row for each condition (``setting``), as in `draw_block`."""
    times = time_grid(moments)
    found = []
    for condition in conditions:
        setting = condition["setting"]
        losses = flow_losses(
            times, setting.mixture, *setting.sizes, class_weights=setting.class_weights, nodes=nodes
        )
        found.append(np.stack(losses))
    return _losses(np.stack(found), times, ("condition", "time", "label"))


@stored(
    calls="body",
    work=lambda settings, moments, **_: len(settings) * moments,
)
def theory_curves(settings: Mapping[str, ScoreSetting], *, moments: int = 281, nodes: int = 24) -> xr.Dataset:
    """Learning curves of each setting for d -> infinity, and their clocks.

    ``train``, ``test`` (setting, time, label) and the `clocks`; settings by name, in alphabetical order.
    ``nodes`` of the field for each direction of the centroids. Raises ValueError for settings of unlike
    numbers of classes.
    """
    _check(settings)
    found = sweep(
        theory_block,
        [{"setting": setting} for setting in settings.values()],
        block=50,
        label="theory of score models",
        moments=moments,
        nodes=nodes,
    )
    dataset = (
        found.rename(condition="setting").assign_coords(setting=list(settings)).assign(_reducible(settings))
    )
    return dataset.assign(clocks(dataset))


def clocks(curves: xr.Dataset) -> xr.Dataset:
    """Every clock of learning curves (.., time, label) with their ``reducible`` loss (.., label).

    ``gen_passage`` by share of the reducible loss, ``own_passage`` by share of what the class itself ever gains,
    ``early_stop``, ``mem_half``, ``mem_gap`` by margin relative to the reducible loss and ``mem_gap_absolute`` by
    gap; inf where never reached (see ``analysis.timescales``).
    """
    train, test = (curves[name].transpose(..., "label", "time") for name in ("train", "test"))
    times, dims = curves.time.values, test.dims[:-1]
    one = (*test.shape[:-1], 1)
    reducible = (
        curves.reducible.broadcast_like(test.isel(time=0, drop=True)).transpose(*dims).values.reshape(one)
    )
    tests, trains = test.values[..., None, :], train.values[..., None, :]
    found = {
        "gen_passage": ("share", timescales.gen_passage(times, tests, reducible, SHARES)),
        "own_passage": ("share", timescales.own_passage(times, tests, SHARES)),
        "mem_gap": ("margin", timescales.mem_gap(times, trains, tests, reducible, MARGINS)),
        "mem_gap_absolute": ("gap", timescales.mem_gap_absolute(times, trains, tests, GAPS)),
    }
    whole = {
        "early_stop": timescales.early_stop(times, test.values),
        "mem_half": timescales.mem_half(times, train.values, test.values),
    }
    return xr.Dataset(
        {name: ((*dims, level), values, _CLOCKS[name]) for name, (level, values) in found.items()}
        | {name: (dims, values, _CLOCKS[name]) for name, values in whole.items()},
        coords={"share": list(SHARES), "margin": list(MARGINS), "gap": list(GAPS)},
    )


_CLOCKS = {
    "gen_passage": {"long_name": "generalisation time $T$"},
    "own_passage": {"long_name": "time to a share of the own gain $T$"},
    "mem_gap": {"long_name": "memorisation time $T$, relative gap"},
    "mem_gap_absolute": {"long_name": "memorisation time $T$, absolute gap"},
    "early_stop": {"long_name": "time of the lowest test loss $T$"},
    "mem_half": {"long_name": "time at which training is half of test loss $T$"},
}


def _losses(losses: np.ndarray, times: np.ndarray, dims: tuple[str, ...]) -> xr.Dataset:
    return xr.Dataset(
        {
            "train": (dims, losses[:, 0], {"long_name": "training loss $L_c$"}),
            "test": (dims, losses[:, 1], {"long_name": "test loss $L_c$"}),
        },
        coords={"time": ("time", times, TIME)},
    )


def _reducible(settings: Mapping[str, ScoreSetting]) -> dict[str, xr.DataArray]:
    values = [1.0 - setting.mixture.bayes_losses for setting in settings.values()]
    attrs = {"long_name": "reducible loss $1-L^*_c$"}
    return {"reducible": xr.DataArray(np.stack(values), dims=("setting", "label"), attrs=attrs)}


def _check(settings: Mapping[str, ScoreSetting], **counts: int) -> None:
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name}: given {value}; allowed: at least 1")
    sizes = {len(setting.weights) for setting in settings.values()}
    if len(sizes) != 1:
        raise ValueError(
            f"settings: given ones of {sorted(sizes)} classes; allowed: at least one, all of one number"
        )
