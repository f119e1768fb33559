"""The figure of trajectories draws what the dataset holds."""

import numpy as np
import xarray as xr

from companion.figures import curriculum_trajectories as figures
from companion.figures.style import GREY, PALETTE

NAMES = ["interleaved", "blocked", "annealed"]
PARTS = ["all", "embedding", "attention", "hidden layer", "readout"]


def dataset():
    random = np.random.default_rng(0)
    paths, nulls, order = ["joint", *NAMES], ["random walk", "tossed steps"], np.arange(1, 13)
    share = np.sort(random.uniform(0.001, 0.6, (4, 12)))[:, ::-1]
    null = np.sort(random.uniform(0.001, 0.6, (4, 2, 12)))[..., ::-1]
    by_null = ("path", "null", "order")
    return xr.Dataset(
        {
            "coordinate": (("schedule", "point", "component"), random.standard_normal((3, 11, 3))),
            "share": (("path", "order"), share, {"long_name": "share of variance"}),
            "null_share": (by_null, null),
            "null_low": (by_null, 0.9 * null),
            "null_high": (by_null, 1.1 * null),
            "participation": ("path", random.uniform(1, 4, 4)),
            "null_participation": (("path", "null"), random.uniform(1, 4, (4, 2))),
            "part_share": (
                ("schedule", "part"),
                random.uniform(0.5, 0.9, (3, 5)),
                {"long_name": "first share"},
            ),
            "part_limit": (("schedule", "part"), random.uniform(0.5, 0.7, (3, 5))),
        },
        coords={
            "schedule": NAMES,
            "path": paths,
            "null": nulls,
            "part": PARTS,
            "order": ("order", order, {"long_name": "component $k$"}),
            "point": np.arange(0, 101, 10),
            "component": [1, 2, 3],
        },
        attrs={"switches": 50, "blocked": "blocked"},
    )


def test_trajectories_are_drawn_on_the_components():
    data = dataset()
    first, second, *_ = figures.trajectories(data).axes
    for axes, pair in ((first, [1, 2]), (second, [1, 3])):
        for place, name in enumerate(NAMES):
            (path,) = [
                line
                for line in axes.lines
                if len(line.get_xdata()) == 11 and line.get_color() == colour(place)
            ]
            own = data.coordinate.sel(schedule=name, component=pair).transpose("component", "point")
            np.testing.assert_allclose(path.get_data(), own)
        (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
        at = data.coordinate.sel(schedule="blocked", point=50, component=pair)
        np.testing.assert_allclose(np.ravel(cross.get_data()), at)
        share = data.share.sel(path="joint", order=pair[1])
        assert f"({100 * float(share):.0f} %)" in axes.get_ylabel()


def colour(place):
    return [PALETTE[name] for name in ("blue", "vermilion", "green")][place]


def test_variance_stands_beside_the_nulls():
    data = dataset()
    axes = figures.trajectories(data).axes[2]
    (dots,) = [line for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots.get_ydata(), data.share.sel(path="joint"))
    (walk,) = [line for line in axes.lines if line.get_color() == GREY]
    np.testing.assert_allclose(walk.get_ydata(), data.null_share.sel(path="joint", null="random walk"))
    for place, name in enumerate(NAMES):
        (alone,) = [line for line in axes.lines if line.get_color() == colour(place)]
        np.testing.assert_allclose(alone.get_ydata(), data.share.sel(path=name))
    (single,) = [line for line in axes.lines if line.get_linestyle() == ":"]
    # One walk of 11 points: 1/(4 sin^2(πk/22)) over their sum, (11^2 - 1)/6.
    np.testing.assert_allclose(single.get_ydata()[0], 1 / (4 * np.sin(np.pi / 22) ** 2) / 20)
    assert f"joint {float(data.participation[0]):.1f}" in axes.get_legend().get_title().get_text()


def test_first_components_of_every_part():
    data = dataset()
    axes = figures.trajectories(data).axes[3]
    drawn = {line.get_label(): line.get_xdata() for line in axes.lines}
    for part in PARTS:
        np.testing.assert_allclose(drawn[part], data.part_share.sel(part=part))
    assert [tick.get_text() for tick in axes.get_yticklabels()] == NAMES
