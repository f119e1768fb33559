"""The figure of what forms before a network generalises: spectra, circuits, weights that shrink."""

import math
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from companion.analysis.statistics import bootstrap_band
from companion.compute.seeds import generator
from companion.figures.described import described
from companion.figures.marks import letter_panels, theory_line
from companion.figures.style import GREY, PALETTE, axis_label, figure
from companion.figures.unet_curves import short_number, step_axis

_COLOURS: Final = ("blue", "green", "orange", "plum", "sky")
_MARKERS: Final = "osD^v"
_DASHES: Final = (0, (3, 1.2))


@described(
    title="What forms before generalisation",
    caption="(a-c) Share of the power of the number embedding at each frequency while one run learns: addition in "
    "additive characters, multiplication in characters of the group of units, and multiplication in the additive ones. "
    "(d) Share of the five strongest frequencies, thin: runs, thick: means with 95 % bootstrap bands; dashed: the "
    "basis that is not the operation's own. (e) How many frequencies take part. (f) Norm of all weights. (g) Addition: "
    "accuracies and the share of the logits' variance at the five key frequencies (left axis); cross-entropy of test "
    "rows by the keys alone and of training rows without the keys (dashed, right axis, logarithmic). (h) When each run "
    "generalises against when half of the final rise in (d) is made, colours as in (f); open triangles: never. (i) "
    "Shares of variance of the principal components of each run's weights (dots); line: random walk of equal steps; "
    "band: 95 % of walks that take a run's own steps forwards or backwards by a toss, ends averaged over runs.",
    equation=r"P_k\propto\Big\|\sum_a W_a e^{-2\pi i k a/p}\Big\|^2,\qquad "
    r"T_\mathrm{spec}=\min\{t: S_5(t)-S_5(0)\geq\tfrac12[S_5(T)-S_5(0)]\}",
    claims=["e4_q6_spectrum_precedes"],
)
def spectrum(data: xr.Dataset) -> Figure:
    """Spectra of up to three maps, their summaries of all settings, progress measures, times, components."""
    drawing, grid = figure("text", height=5.6, nrows=3, ncols=3)
    _maps(drawing, grid[0], data)
    shares, involved, norms = grid[1]
    _shares(shares, data)
    for axes, name in ((involved, "participation"), (norms, "weight_norm")):
        for place in range(data.sizes["setting"]):
            _curve(axes, data[name].isel(setting=place), _colour(place))
        axes.set_ylabel(axis_label(data[name]))
    for axes in grid[1]:
        step_axis(axes, data.step.values)
        axes.set_ylim(0, None)
        axes.set_xlabel(axis_label(data.step))
    norms.legend(handles=_settings(data), loc="lower left", handlelength=1.6)
    progress, times, components = grid[2]
    _progress(progress, data.isel(setting=0))
    progress.set_title(str(data.operation.values[0]))
    _times(times, data)
    _components(components, data)
    letter_panels([*grid[0][: data.sizes["map"]], *grid[1], *grid[2]])
    return drawing


def _colour(place: int) -> str:
    return PALETTE[_COLOURS[place % len(_COLOURS)]]


def _maps(drawing: Figure, panels: NDArray, data: xr.Dataset) -> None:
    """P_k over log step, one colour scale for all."""
    steps = data.step.values.astype(float)
    # Each value stands for the time around its evaluation.
    inner = np.sqrt(steps[1:] * steps[:-1])
    edges = np.concatenate([steps[:1], inner, steps[-1:]])
    highest = float(data.power.max())
    drawn = None
    for place, axes in enumerate(panels):
        if place >= data.sizes["map"]:
            axes.set_axis_off()
            continue
        own = data.power.isel(map=place).transpose("frequency", "step")
        numbers = data.frequency.values
        limits = np.concatenate([numbers - 0.5, numbers[-1:] + 0.5])
        drawn = axes.pcolormesh(edges, limits, own.values, vmin=0, vmax=highest, rasterized=True)
        step_axis(axes, edges)
        axes.set_xlabel(axis_label(data.step))
        axes.set_ylabel(axis_label(data.frequency) if place == 0 else "")
        axes.set_title(str(own["map"].item()))
    if drawn is not None:
        bar = drawing.colorbar(drawn, ax=panels.tolist(), pad=0.01, aspect=14)
        bar.set_label(axis_label(data.power))
        bar.outline.set_linewidth(0.5)  # pyright: ignore[reportCallIssue]


def _curve(axes: Axes, runs: xr.DataArray, colour: str, line: object = "-", dim: str = "step") -> None:
    """Thin runs, their mean, and its bootstrap band, over the last two decades of steps."""
    steps = runs[dim].values
    kept = steps >= steps[-1] / 100
    values = runs.transpose("replicate", dim).values[:, kept]
    axes.plot(steps[kept], values.T, color=colour, linestyle=line, linewidth=0.3, alpha=0.35, zorder=1.8)
    axes.plot(steps[kept], values.mean(axis=0), color=colour, linestyle=line, linewidth=1.2, zorder=2.4)
    if len(values) > 1:
        low, high = bootstrap_band(values.T, generator=generator(0, "error bands"), resamples=999)
        axes.fill_between(steps[kept], low, high, color=colour, alpha=0.18, linewidth=0, zorder=1.6)


def _shares(axes: Axes, data: xr.Dataset) -> None:
    bases = [str(name) for name in data.basis.values]
    for place in range(data.sizes["setting"]):
        own = str(data.own_basis.values[place])
        for basis in bases:
            _curve(
                axes,
                data[f"{basis}_share"].isel(setting=place),
                _colour(place),
                "-" if basis == own else _DASHES,
            )
    axes.set_ylabel("share of 5 strongest $S_5$")
    handles = [
        Line2D([], [], color=GREY, label="own basis"),
        Line2D([], [], color=GREY, linestyle=_DASHES, label="other basis"),
    ]
    axes.legend(handles=handles, loc="lower left", handlelength=2.2)


def _settings(data: xr.Dataset) -> list[Line2D]:
    names = zip(data.setting.values, data.operation.values, data.fraction.values, strict=True)
    return [
        Line2D(
            [],
            [],
            color=_colour(place),
            label=f"{operation}, $f={fraction:g}$" if name != operation else str(name),
        )
        for place, (name, operation, fraction) in enumerate(names)
    ]


def _progress(axes: Axes, data: xr.Dataset) -> None:
    """Accuracies and key share on the left, losses of restricted and excluded logits on the right."""
    left = {
        "train": (data.train, PALETTE["vermilion"], "training accuracy", "step"),
        "test": (data.test, PALETTE["blue"], "test accuracy", "step"),
        "keys": (data.key_share, PALETTE["green"], "keys in logits", "checkpoint"),
    }
    for values, colour, _, dim in left.values():
        _curve(axes, values, colour, "-", dim)
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("accuracy, share")
    axes.set_xlabel(axis_label(data.step))
    step_axis(axes, data.step.values)
    right = axes.twinx()
    right.spines["right"].set_visible(True)
    losses = {
        "restricted": (data.restricted_loss, PALETTE["plum"], "restricted loss"),
        "excluded": (data.excluded_loss, PALETTE["orange"], "excluded loss"),
    }
    for values, colour, _ in losses.values():
        _curve(right, values, colour, _DASHES, "checkpoint")
    right.set_yscale("log")
    right.set_ylabel("loss (nats)")
    right.yaxis.set_major_formatter(FuncFormatter(short_number))
    right.yaxis.set_minor_formatter(NullFormatter())
    handles = [Line2D([], [], color=colour, label=label) for _, colour, label, _ in left.values()]
    handles += [
        Line2D([], [], color=colour, linestyle=_DASHES, label=label) for _, colour, label in losses.values()
    ]
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2, fontsize=6)


def _times(axes: Axes, data: xr.Dataset) -> None:
    """T_gen against T_spec in the own basis, log-log; what is never reached stands at the edge."""
    spectral = np.stack(
        [
            data.concentrated_at.isel(setting=place).sel(basis=data.own_basis.values[place]).values
            for place in range(data.sizes["setting"])
        ]
    )
    generalised = data.generalised_at.transpose("setting", "replicate").values
    end = float(data.attrs["steps"])
    both = np.concatenate([spectral, generalised], axis=None)
    reached = both[np.isfinite(both) & (both > 0)]
    low, edge = min([*reached.tolist(), end / 3]) / 1.15, 1.3 * end
    theory_line(axes, [low, edge], [low, edge], color=GREY, linewidth=0.6, linestyle=(0, (4, 2)))
    for place in range(data.sizes["setting"]):
        colour, marker = _colour(place), _MARKERS[place % len(_MARKERS)]
        x, y = np.minimum(spectral[place], edge / 1.08), np.minimum(generalised[place], edge / 1.08)
        late = np.isinf(spectral[place]) | np.isinf(generalised[place])
        # Coinciding marks are told apart by a spread along the edge.
        spread = 1 + 0.02 * (np.arange(x.size) - (x.size - 1) / 2) * late
        axes.plot(x[~late], y[~late], marker, color=colour, markersize=3.2, markeredgewidth=0, alpha=0.85)
        x, y = (x * np.where(np.isinf(spectral[place]), spread, 1))[late], y[late]
        axes.plot(x, y, "^", color=colour, markersize=4, markerfacecolor="white", markeredgewidth=0.7)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, edge)
    axes.set_ylim(low, edge)
    axes.set_xlabel(axis_label(data.concentrated_at))
    axes.set_ylabel(axis_label(data.generalised_at))
    ticks = [step for step in (100, 200, 300, 500, 700, 1000, 2000, 5000, 10000) if low <= step <= edge]
    for axis in (axes.xaxis, axes.yaxis):
        if len(ticks) > 1:
            axis.set_ticks(ticks)
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
        axis.set_minor_formatter(NullFormatter())


def _components(axes: Axes, data: xr.Dataset) -> None:
    numbers = data.component.values
    axes.fill_between(
        numbers,
        data.flipped_low.mean("replicate"),
        data.flipped_high.mean("replicate"),
        color=GREY,
        alpha=0.25,
        linewidth=0,
        label="steps tossed",
    )
    theory_line(axes, numbers, data.walk_share, color=PALETTE["ink"], linewidth=0.8, label="equal steps")
    runs = data.component_share.transpose("component", "replicate").values
    look = {"color": _colour(0), "markersize": 3, "markeredgewidth": 0, "alpha": 0.6}
    axes.plot(numbers, runs, "o", label=["runs", *[None] * (runs.shape[1] - 1)], **look)
    axes.set_yscale("log")
    axes.set_xticks(numbers)
    positive = runs[runs > 0]
    if positive.size and math.isfinite(float(positive.min())):
        axes.set_ylim(float(positive.min()) / 3, 1.2)
    axes.yaxis.set_major_formatter(FuncFormatter(short_number))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(axis_label(data.component))
    axes.set_ylabel(axis_label(data.component_share))
    axes.legend(loc="upper right")
