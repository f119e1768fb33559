"""The ways that schedules take through the space of all weights, and what a random walk would look like there.

One replicate is trained under every schedule from one start on one stream of rows, each network alone; its weights at
evenly spaced steps are points of a trajectory. All are projected onto their joint principal components. How much
variance the first components hold is only told beside two nulls with the same step lengths: walks in every direction
alike (arXiv:1806.08805), and the true steps, each taken forwards or backwards by a toss.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.trajectory_components import (
    component_coordinates,
    drawn_walks,
    explained_shares,
    flipped_walks,
    inner_products,
    participation_ratio,
    steps_between,
    walk_gram,
    walked,
    z_scores,
)
from companion.compute.seeds import generator
from companion.store.durable import stored
from companion.studies.curriculum_runs import trained
from companion.studies.curriculum_schedules import SCHEDULES, scheduled
from companion.training.curriculum_spec import CurriculumSpec

Floats = NDArray[np.float64]

#: Weights by what they do; "all" of them first.
PARTS: Final = ("all", "embedding", "attention", "hidden layer", "readout")
#: Walks beside the true trajectories: of directions that are uniform, and of the true steps with tossed signs.
NULLS: Final = ("random walk", "tossed steps")
#: All trajectories together, beside each of them.
JOINT: Final = "joint"
#: Coordinates that are kept, and components whose variance is.
COORDINATES, COMPONENTS = 3, 12

_KINDS = {
    "embedding": 1,
    "position": 1,
    "qkv": 2,
    "out": 2,
    "attention_gain": 2,
    "unembedding": 4,
    "final_gain": 4,
}


def weight_parts(spec: CurriculumSpec) -> dict[str, NDArray[np.bool_]]:
    """Which of the weights (weights,) belong to each of `PARTS`; tied embeddings are no readout."""
    shapes = spec.network(spec.tasks.tasks(0)).shapes()
    kind = np.concatenate(
        [
            np.full(math.prod(shape), _KINDS.get(name.rpartition(".")[2], PARTS.index("hidden layer")))
            for name, shape in shapes.items()
        ]
    )
    return {name: kind == place if place else kind > 0 for place, name in enumerate(PARTS)}


@stored(
    device=True,
    calls=lambda schedules, spec, seed, *, points, replay, **_: [
        trained(
            scheduled(name, spec, replay).changed(linear_checkpoints=points, every=spec.steps, logarithmic=2),
            1,
            seed,
            block=1,
        )
        for name in schedules
    ],
)
def schedule_trajectories(
    schedules: Sequence[str],
    spec: CurriculumSpec,
    seed: int,
    *,
    points: int = 51,
    draws: int = 64,
    replay: float = 0.1,
) -> xr.Dataset:
    """Joint principal components of a replicate of ``spec`` under each of ``schedules``, ``points`` evenly spaced.

    ``coordinate`` (schedule, point, component) are positions of the weights of replicate 0. By ``path``, "joint" or a
    schedule alone: ``share`` (path, order) of variance of the first components; for both of `NULLS` ``null_share``,
    ``null_low``, ``null_high`` (path, null, order), mean and 95 % range of ``draws``, and ``score`` (path, null,
    order), the true share less their mean in their standard deviations; ``participation`` (path,) and
    ``null_participation`` (path, null), the number of components that take part. ``limit`` (path, order) is the walk in
    infinitely many dimensions. ``part_share`` and ``part_limit`` (schedule, part) are of the first component of some of
    the weights.
    Raises ValueError for unknown schedules, and for fewer than 4 points.
    """
    if points < 4:
        raise ValueError(f"points: {points} given; allowed: at least 4")
    weights, steps, switches = _trained(schedules, spec, seed, points, replay)
    parts = weight_parts(spec)
    own = np.stack(
        [[inner_products(steps_between(each[:, at])) for at in parts.values()] for each in weights]
    )
    joint = inner_products(np.concatenate([steps_between(each) for each in weights]))
    count, each = len(weights), len(steps) - 1
    dimension = weights.shape[2]
    names = [JOINT, *schedules]
    numbers = [
        _beside_nulls(gram, trajectories, dimension, draws, name)
        for name, gram, trajectories in zip(names, [joint, *own[:, 0]], [count, *[1] * count], strict=True)
    ]
    found = xr.concat(numbers, dim="path").assign_coords(path=names)
    coordinates = component_coordinates(walked(joint, count), COORDINATES).reshape(
        count, each + 1, COORDINATES
    )
    lengths = np.sqrt(np.diagonal(own, axis1=-2, axis2=-1))
    limits = [[explained_shares(walk_gram(part), 1)[0] for part in row] for row in lengths]
    share = {"long_name": "share of variance"}
    first = {"long_name": "share of the first component"}
    return (
        found.assign(
            coordinate=(
                ("schedule", "point", "component"),
                coordinates,
                {"long_name": "principal component"},
            ),
            part_share=(("schedule", "part"), explained_shares(walked(own), 1)[..., 0], first),
            part_limit=(("schedule", "part"), np.array(limits), first),
            share=found.share.assign_attrs(share),
        )
        .assign_coords(
            schedule=list(schedules),
            point=("point", steps, {"long_name": "training steps $t$"}),
            component=np.arange(1, COORDINATES + 1),
            order=("order", np.arange(1, COMPONENTS + 1), {"long_name": "component $k$"}),
            part=list(parts),
            null=list(NULLS),
        )
        .assign_attrs(
            root_seed=seed,
            weights=dimension,
            steps=spec.steps,
            switches=switches,
            blocked=[name for name in schedules if SCHEDULES[name].get("kind") == "blocked"],
            draws=draws,
        )
    )


def _trained(
    schedules: Sequence[str], spec: CurriculumSpec, seed: int, points: int, replay: float
) -> tuple[NDArray[np.float32], NDArray[np.int64], list[int]]:
    """Weights (schedule, point, weight) at evenly spaced steps (point,), and the steps at which blocks end."""
    steps = np.unique(np.rint(np.linspace(0, spec.steps, points)).astype(int))
    found, switches = [], set()
    for name in schedules:
        own = scheduled(name, spec, replay).changed(
            linear_checkpoints=points, every=spec.steps, logarithmic=2
        )
        runs = trained(own, 1, seed, block=1, label=f"transformers, {name}, weights")
        found.append(runs.weights.isel(variation=0, replicate=0).sel(checkpoint=steps).values)
        switches |= set(own.schedule.build(runs.sizes["operation"]).switches(spec.steps))
    return np.stack(found), steps, sorted(switches)


def _beside_nulls(steps: Floats, trajectories: int, dimension: int, draws: int, name: str) -> xr.Dataset:
    """Shares of variance of the points that ``steps`` lead to, from their inner products, beside those of walks."""
    lengths = np.sqrt(np.diagonal(steps)).reshape(trajectories, -1)
    true = walked(steps, trajectories)
    shares = explained_shares(true, COMPONENTS)
    walks = (
        drawn_walks(lengths, dimension, draws, generator(0, "trajectories", "walk", name)),
        flipped_walks(steps, trajectories, draws, generator(0, "trajectories", "toss", name)),
    )
    drawn = np.stack([explained_shares(each, COMPONENTS) for each in walks])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
    by_null = ("null", "order")
    return xr.Dataset(
        {
            "share": ("order", shares),
            "limit": ("order", explained_shares(walk_gram(lengths), COMPONENTS)),
            "null_share": (by_null, drawn.mean(axis=1)),
            "null_low": (by_null, low),
            "null_high": (by_null, high),
            "score": (by_null, np.stack([z_scores(shares, each) for each in drawn])),
            "participation": ((), participation_ratio(true)),
            "null_participation": ("null", np.array([participation_ratio(each).mean() for each in walks])),
        }
    )
