"""Figure of the controls of the ratio criterion: stored dataset in, Figure out."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, PercentFormatter

from companion.analysis.statistics import wilson_band
from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, simulation_points
from companion.figures.style import GREY, PALETTE, axis_label, figure
from companion.figures.unet_classes import CLASS_COLOURS, class_names

_SOURCES = {"generated": PALETTE["plum"], "held out": GREY, "exact score": PALETTE["green"]}
_KAPPA = 1 / 3


@described(
    title="What the ratio criterion says where the answer is known",
    caption="A sample counts as a copy where its nearest training image is less than a third as far away as the "
    "second, $d_1/d_2<\\kappa=1/3$. (a) Ratios of the samples of the finished runs (last checkpoint), of "
    "held-out real images, and of samples of the exact score of the training sets, with the sampler of "
    "the runs. (b) What would count as a copy at another threshold; thin: generated samples by class. (c) "
    "Held-out images that count as copies against the number of training images of their own class "
    "(nested sets; Wilson's 95 % intervals over all training sets together, which share most held-out "
    "images). (d) Exact score: share of copies against the number of sampler steps, on our grid, which "
    "ends at the lowest noise level (filled), on one whose last step is as long as the others (open), and "
    "on ours with a near twin beside each training image (triangles). The criterion tolerates errors up "
    "to $\\kappa d_2$, and $d_2$ is larger for a class of larger variance or of fewer images.",
    equation=r"f_{\mathrm{mem}}=\#\{d_1/d_2<\kappa\}/\#",
    claims=["p2unet_c6_controls"],
)
def controls(data: xr.Dataset) -> Figure:
    """Histograms of ratios, threshold sweep, null rate against size, exact score against sampler steps."""
    drawing, grid = figure("text", height=4.4, nrows=2, ncols=2)
    ratios, thresholds, null, exact = grid.flat
    _histograms(ratios, data)
    _thresholds(thresholds, data)
    _null(null, data)
    _exact(exact, data)
    letter_panels(grid.flat)
    return drawing


def _histograms(axes: Axes, data: xr.Dataset) -> None:
    centres = data["bin"].values
    width = float(centres[1] - centres[0])
    edges = np.concatenate([centres - width / 2, centres[-1:] + width / 2])
    lowest = 0.5 / max(float(data.samples.max()), 1)
    for source, colour in _SOURCES.items():
        part = data.sel(source=source)
        fill = source == "held out"
        axes.stairs(
            np.maximum(part.ratio_share.values, lowest),
            edges,
            baseline=lowest,
            color=colour,
            fill=fill,
            alpha=0.5 if fill else 1.0,
            linewidth=1.0,
            label=source,
        )
    guide(axes, x=_KAPPA, text=r"$\kappa$")
    axes.set_yscale("log")
    axes.set_ylim(lowest, 1.6)
    axes.set_xlim(0, 1)
    axes.set_xlabel(axis_label(data["bin"]))
    axes.set_ylabel(axis_label(data.ratio_share))
    axes.legend(loc="upper center", ncols=1)


def _thresholds(axes: Axes, data: xr.Dataset) -> None:
    at = data.threshold.values
    for source, colour in _SOURCES.items():
        axes.plot(at, data.memorised.sel(source=source), color=colour, linewidth=1.4)
    by_class = data.memorised_class.sel(source="generated")
    for label, (colour, name) in enumerate(zip(CLASS_COLOURS, class_names(data), strict=True)):
        axes.plot(at, by_class.isel(label=label), color=colour, linewidth=0.7, label=name)
    guide(axes, x=_KAPPA, text=r"$\kappa$")
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.02, 1.03)
    axes.set_xlabel(axis_label(data.threshold))
    axes.set_ylabel(axis_label(data.memorised))
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 0.9))


def _null(axes: Axes, data: xr.Dataset) -> None:
    sizes = data["size"].values
    for label, (colour, name, aside) in enumerate(
        zip(CLASS_COLOURS, class_names(data), (0.96, 1.04), strict=True)
    ):
        part = data.isel(label=label)
        simulation_points(
            axes,
            sizes * aside,
            part.null_rate,
            part.null_low,
            part.null_high,
            color=colour,
            fmt="-o",
            linewidth=0.6,
            label=name,
        )
    guide(axes, y=0.02)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1, symbol=" %"))
    axes.set_ylim(-0.0005, max(0.022, 1.1 * float(data.null_high.max())))
    axes.set_xlabel(axis_label(data["size"]))
    axes.set_ylabel("real images that count as copies")
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 0.88))


def _exact(axes: Axes, data: xr.Dataset) -> None:
    steps = data.sampler_steps.values
    looks: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("", "-o", {}),
        ("coarse_", "--o", {"markerfacecolor": "white", "markeredgewidth": 0.7}),
        ("twin_", ":^", {"markersize": 3.5}),
    )
    for prefix, marks, face in looks:
        for label, (colour, aside) in enumerate(zip(CLASS_COLOURS, (0.98, 1.02), strict=True)):
            hits, tried = (
                data[f"{prefix}class_{name}"]
                .isel(label=label)
                .transpose("set", "sampler_steps")
                .values.sum(0)
                for name in ("memorised", "samples")
            )
            share = np.divide(hits, tried, out=np.full(len(steps), np.nan), where=tried > 0)
            low, high = wilson_band(hits, tried)
            simulation_points(
                axes, steps * aside, share, low, high, color=colour, fmt=marks, linewidth=0.7, **face
            )
    guide(axes, y=0.98)
    axes.set_xscale("log")
    axes.set_xticks(steps, [f"{step:g}" for step in steps])
    axes.minorticks_off()
    axes.set_ylim(None, 1.03)
    axes.set_xlabel(axis_label(data.sampler_steps))
    axes.set_ylabel("copies among samples of the exact score")
    ink: dict[str, Any] = {"color": PALETTE["ink"], "linewidth": 0.7}
    handles = [
        Line2D([], [], linestyle="-", marker="o", label="our grid", **ink),
        Line2D([], [], linestyle="--", marker="o", markerfacecolor="white", label="long last step", **ink),
        Line2D([], [], linestyle=":", marker="^", label="with near twins", **ink),
    ]
    axes.legend(handles=handles, loc="lower right", handlelength=2.2)
