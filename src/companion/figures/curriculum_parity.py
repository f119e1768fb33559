"""The figure of a curriculum that begins with biased inputs, on parity of hidden bits."""

import math
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from companion.analysis.statistics import bootstrap_interval, log_ratio, median
from companion.compute.seeds import generator
from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, simulation_points
from companion.figures.style import GREY, PALETTE, axis_label, figure
from companion.figures.unet_curves import short_number

#: Uniform bits only, and biased bits first: colour and marker.
_LOOKS: Final = {"uniform": (PALETTE["ink"], "o"), "biased": (PALETTE["vermilion"], "s")}
_SPREAD: Final = 0.09  # between seeds, as a share of the distance between two places
_UNIFORM: Final = 0.5
_NULL, _MIXTURE = "null", "Ham."


@described(
    title="Easy inputs first",
    caption="Parity of $k$ hidden bits of $n$, one layer of width $d$, fresh rows in every step: bits biased to $q_0$ "
    "for $\\tau$ steps, then uniform (vermilion), or uniform throughout (black); both are tested on uniform bits. "
    "(a) Accuracy at the largest $k$ of (b): thin, runs; thick, means; grey, the biased stage. (b, c) First step with "
    "90 % accuracy, for other $k$ and $q_0$; bars: medians; open triangles: not reached in the steps watched. (d) "
    "Gain, the ratio of both times of a seed: by $k$, or, where several widths were run, by width at fixed $k$ beside "
    "a null pair (both uniform, other rows) and the Hamming mixture, where theory knows no help. Open triangles: a "
    "bound, as one time was not reached; crosses: neither was. Points: medians with 95 % bootstrap intervals.",
    equation=r"q(t)=q_0\;(t<\tau),\;\tfrac12\;(t\geq\tau),\qquad"
    r"\mathrm{gain}=t_{90}^\mathrm{uniform}/t_{90}^\mathrm{biased}",
    claims=["e4_q5_width"],
)
def parity(data: xr.Dataset) -> Figure:
    """Learning curves, times against the number of bits and the bias, and gains."""
    drawing, panels = figure("text", height=2.05, ncols=4, width_ratios=(1.15, 1, 1, 1.1))
    _curves(panels[0], data)
    own = {"task": "parity", "width": data.attrs["width"], "stream": 0}
    bits, bias = data.attrs["relevant"], data.attrs["bias"]
    counts = sorted(set(_chosen(data, **own).relevant.values.tolist()))
    _times(panels[1], data, [({**own, "relevant": k}, f"{k}") for k in counts], bias)
    panels[1].set_xlabel("hidden bits $k$")
    biases = sorted(set(_chosen(data, **own, relevant=bits).bias.values.tolist()))
    _by_bias(panels[2], data, {**own, "relevant": bits}, biases)
    panels[2].set_xlabel("bias of the first stage $q_0$")
    low = min(axes.get_ylim()[0] for axes in panels[1:3])
    high = max(axes.get_ylim()[1] for axes in panels[1:3])
    for axes in panels[1:3]:
        axes.set_ylim(low, high)
    _gains(panels[3], data)
    letter_panels(panels)
    return drawing


def _chosen(data: xr.Dataset, **values: Any) -> xr.Dataset:
    """The settings with these coordinates."""
    kept = np.full(data.sizes["setting"], True)
    for name, value in values.items():
        given = data[name].values
        kept &= given == value if isinstance(value, str | int) else np.isclose(given, value)
    return data.isel(setting=np.flatnonzero(kept))


def _curves(axes: Axes, data: xr.Dataset) -> None:
    axes.axvspan(0, data.attrs["biased_steps"], color=GREY, alpha=0.15, linewidth=0)
    for place, name in enumerate(data.curriculum.values):
        colour, _ = _LOOKS[str(name)]
        runs = data.test.isel(curriculum=place).transpose("replicate", "step").values
        axes.plot(data.step, runs.T, color=colour, linewidth=0.35, alpha=0.45, zorder=1.8)
        axes.plot(data.step, runs.mean(axis=0), color=colour, linewidth=1.3, zorder=2.4)
    names = {"uniform": "uniform only", "biased": f"first $q_0={data.attrs['bias']:g}$"}
    handles = [Line2D([], [], color=colour, label=names[name]) for name, (colour, _) in _LOOKS.items()]
    axes.legend(handles=handles, loc="upper right", fontsize=6)
    axes.set_xlim(0, float(data.step[-1]))
    axes.set_ylim(0.37, 1.2)  # the legend stands above all curves
    axes.set_xlabel(axis_label(data.step))
    axes.set_ylabel(axis_label(data.test))


def _times(axes: Axes, data: xr.Dataset, places: list[tuple[dict[str, Any], str]], bias: float) -> None:
    """Times of both curricula at each place."""
    for at, (values, _) in enumerate(places):
        for name, q, shift in (("uniform", _UNIFORM, -0.16), ("biased", bias, 0.16)):
            _strip(axes, at + shift, _chosen(data, **values, bias=q), name)
    _time_axes(axes, [text for _, text in places], data)


def _by_bias(axes: Axes, data: xr.Dataset, values: dict[str, Any], biases: list[float]) -> None:
    for at, q in enumerate(biases):
        name = "uniform" if math.isclose(q, _UNIFORM) else "biased"
        _strip(axes, float(at), _chosen(data, **values, bias=q), name)
    _time_axes(axes, [f"{q:g}" for q in biases], data)


def _strip(axes: Axes, at: float, own: xr.Dataset, name: str) -> None:
    """Each replicate's time of one setting, and their median; open triangles where it was not reached."""
    if not own.sizes["setting"]:
        return
    times, watched = own.reached.values[0], float(own.watched[0])
    times = times[~np.isnan(times)]
    colour, marker = _LOOKS[name]
    x = at + _jitter(times.size)
    late = np.isinf(times)
    small: dict[str, Any] = {"color": colour, "linestyle": "", "zorder": 3.0}
    axes.plot(x[~late], times[~late], marker=marker, markersize=2.6, markeredgewidth=0, alpha=0.7, **small)
    axes.plot(
        x[late],
        np.full(late.sum(), watched),
        marker="^",
        markersize=3.4,
        markerfacecolor="white",
        markeredgewidth=0.6,
        **small,
    )
    middle = float(median(times)) if times.size else math.inf
    if math.isfinite(middle):
        axes.plot([at - 0.13, at + 0.13], [middle] * 2, color=colour, linewidth=1.3, zorder=3.2)


def _jitter(count: int) -> NDArray[np.float64]:
    return _SPREAD * np.linspace(-1, 1, count) if count > 1 else np.zeros(count)


def _time_axes(axes: Axes, names: list[str], data: xr.Dataset) -> None:
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylabel(axis_label(data.reached))
    _log_axis(axes)


def _log_axis(axes: Axes) -> None:
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.1, high * 1.1)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 300 * low else (1.0,)))
    axes.yaxis.set_major_formatter(FuncFormatter(short_number))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _gains(axes: Axes, data: xr.Dataset) -> None:
    """Ratios of times of each seed, by width and of the controls; by hidden bits where widths were not run."""
    width, q = data.attrs["width"], data.attrs["bias"]
    bits = {"task": "parity", "relevant": data.attrs["gain_relevant"]}
    null = _chosen(data, **bits, width=width, bias=_UNIFORM, stream=1)
    biased = _chosen(data, task="parity", bias=q, stream=0)
    places: list[tuple[str, xr.Dataset, xr.Dataset]] = []
    if null.sizes["setting"]:
        for each in sorted(set(_chosen(biased, **bits).width.values.tolist())):
            own = bits | {"width": each, "stream": 0}
            places.append((f"{each}", _chosen(data, **own, bias=_UNIFORM), _chosen(data, **own, bias=q)))
        plain = _chosen(data, **bits, width=width, bias=_UNIFORM, stream=0)
        mixture = {"task": "hamming", "width": width}
        places.append((_NULL, plain, null))
        places.append((_MIXTURE, _chosen(data, **mixture, bias=_UNIFORM), _chosen(data, **mixture, bias=q)))
        axes.set_xlabel("width $d$, and controls")
    else:
        for each in sorted(set(_chosen(biased, width=width).relevant.values.tolist())):
            own = {"task": "parity", "relevant": each, "width": width, "stream": 0}
            places.append((f"{each}", _chosen(data, **own, bias=_UNIFORM), _chosen(data, **own, bias=q)))
        axes.set_xlabel("hidden bits $k$")
    drawn = [
        (name, late, early)
        for name, late, early in places
        if late.sizes["setting"] and early.sizes["setting"]
    ]
    for at, (name, late, early) in enumerate(drawn):
        _gain(axes, at, late, early, PALETTE["plum" if name in (_NULL, _MIXTURE) else "blue"])
    guide(axes, y=1.0)
    axes.set_xticks(range(len(drawn)), [name for name, _, _ in drawn])
    axes.set_xlim(-0.5, len(drawn) - 0.5)
    _log_axis(axes)
    axes.set_ylabel("gain")


def _gain(axes: Axes, at: int, late: xr.Dataset, early: xr.Dataset, colour: str) -> None:
    slow, fast = late.reached.values[0], early.reached.values[0]
    there = ~(np.isnan(slow) | np.isnan(fast))
    slow, fast = slow[there], fast[there]
    end = float(late.watched[0])
    both = np.isinf(slow) & np.isinf(fast)
    ratios = log_ratio(fast, slow)
    bounds = np.exp(log_ratio(np.minimum(fast, end), np.minimum(slow, end)))
    x = at - 0.15 + _jitter(ratios.size)
    small: dict[str, Any] = {"color": colour, "markersize": 2.6, "linestyle": "", "zorder": 2.5, "alpha": 0.8}
    open_mark = small | {"markerfacecolor": "white", "markeredgewidth": 0.6, "markersize": 3.4}
    known = np.isfinite(ratios) & ~both
    axes.plot(x[known], bounds[known], marker="o", markeredgewidth=0, **small)
    axes.plot(x[ratios == np.inf], bounds[ratios == np.inf], marker="^", **open_mark)
    axes.plot(x[ratios == -np.inf], bounds[ratios == -np.inf], marker="v", **open_mark)
    axes.plot(x[both], bounds[both], marker="x", markeredgewidth=0.7, **small)
    centre = float(median(ratios)) if ratios.size else math.nan
    low, high = bootstrap_interval(ratios, median, generator=generator(0, "error bars"))
    if math.isfinite(centre):
        ends = np.exp([[low], [high]])
        simulation_points(axes, [at + 0.15], np.exp([centre]), *ends, color=colour, markersize=4)
