"""The figure of several tasks of one family: when they are generalised, and what a new word is worth."""

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds
from companion.figures.style import PALETTE, axis_label, figure, shades
from companion.figures.unet_curves import short_number, step_axis

_COLOURS: Final = ("blue", "vermilion", "orange", "plum")
_MARKERS: Final = "osD^"


@described(
    title="More tasks, and a new word",
    caption="$K$ tasks $\\alpha_i a+\\beta_i b$ modulo a prime, each with a word of its own, trained on a share of "
    "every table with a fixed number of rows per step and Zipf weights $w_i\\propto i^{-s}$. (a) Mean test accuracy "
    "over the tasks, even weights: thin, runs; thick, means. (b) First step with 90 % test accuracy of each task "
    "against its weight, by $K$ (shade; circles: even, others: Zipf); open triangles: not reached. (c) Accuracy at "
    "the end on test rows, mean over tasks, with 95 % bootstrap intervals; dashed: chance. (d) A task that was never "
    "met: accuracy with its unknown word (open), and on test rows once that word alone is learned, all else frozen "
    "(filled).",
    equation=r"c_i=\alpha_i a+\beta_i b \bmod p,\qquad w_i\propto i^{-s},\quad i=1\ldots K",
    claims=[],
)
def task_diversity(data: xr.Dataset) -> Figure:
    """Curves by K, times by weight, accuracies at the end, and new words."""
    drawing, panels = figure("text", height=2.25, ncols=4)
    curves, times, ends, words = panels
    counts = sorted(set(data.tasks.values.tolist()))
    tones = dict(zip(counts, shades(len(counts)), strict=True))
    exponents = sorted(set(data.exponent.values.tolist()))
    _curves(curves, data, tones, exponents[0])
    _times(times, data, tones, exponents)
    chance = 1.0 / data.attrs["prime"]
    for place, exponent in enumerate(exponents):
        own = data.isel(setting=np.flatnonzero(data.exponent.values == exponent))
        own = own.isel(setting=np.argsort(own.tasks.values))
        look: dict[str, Any] = {
            "color": PALETTE[_COLOURS[place % len(_COLOURS)]],
            "fmt": _MARKERS[place % len(_MARKERS)],
            "linestyle": "-",
            "linewidth": 0.8,
            "markersize": 3.2,
            "markeredgewidth": 0.6,
        }
        shift = 1.06 ** (place - (len(exponents) - 1) / 2)
        at = own.tasks.values * shift
        _against(ends, at, own.final_test.mean("task"), look | {"label": f"$s={exponent:g}$"})
        _against(words, at, own.learned_word.mean("new"), look)
        _against(
            words, at, own.zero_shot.mean("new"), look | {"markerfacecolor": "white", "linestyle": "none"}
        )
    for axes in (ends, words):
        guide(axes, y=chance)
    ends.set_ylabel(axis_label(data.final_test))
    ends.set_ylim(-0.03, 1.03)
    ends.legend(loc="best", fontsize=6)
    words.set_ylabel("accuracy, new tasks")
    words.set_ylim(-0.03, 1.03)
    for axes in (ends, words):
        _count_axis(axes, counts)
    letter_panels(panels)
    return drawing


def _curves(axes: Axes, data: xr.Dataset, tones: dict[int, str], exponent: float) -> None:
    handles = []
    for count, tone in tones.items():
        places = np.flatnonzero((data.tasks.values == count) & (data.exponent.values == exponent))
        for place in places:
            own = data.curve.isel(setting=place, step=data.step.values > 0).transpose("replicate", "step")
            axes.plot(own.step, own.values.T, color=tone, linewidth=0.35, alpha=0.45, zorder=1.8)
            axes.plot(own.step, own.values.mean(axis=0), color=tone, linewidth=1.2, zorder=2.4)
        handles.append(Line2D([], [], color=tone, label=f"$K={count}$"))
    axes.legend(handles=handles, loc="upper left", fontsize=6)
    step_axis(axes, data.step.values)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel(axis_label(data.step))
    axes.set_ylabel(axis_label(data.curve))


def _times(axes: Axes, data: xr.Dataset, tones: dict[int, str], exponents: list[float]) -> None:
    """Each task's time in each run against its weight."""
    end = float(data.attrs["steps"])
    for place in range(data.sizes["setting"]):
        own = data.isel(setting=place)
        times = own.generalised.transpose("replicate", "task").values
        shares = np.broadcast_to(own.share.values, times.shape)
        marker = _MARKERS[exponents.index(float(own.exponent)) % len(_MARKERS)]
        look: dict[str, Any] = {"color": tones[int(own.tasks)], "linestyle": "", "zorder": 3.0}
        late, known = np.isinf(times), np.isfinite(times)
        axes.plot(shares[known], times[known], marker, markersize=2.8, markeredgewidth=0, alpha=0.8, **look)
        axes.plot(
            shares[late],
            np.full(late.sum(), end),
            "^",
            markersize=3.4,
            markerfacecolor="white",
            markeredgewidth=0.6,
            **look,
        )
    axes.set_xscale("log")
    axes.set_xlabel("weight of the task $w_i$")
    axes.set_ylabel(axis_label(data.generalised))
    axes.set_ylim(0, 1.06 * end)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(short_number))
    axes.xaxis.set_minor_locator(NullLocator())


def _against(axes: Axes, at: np.ndarray, values: xr.DataArray, look: dict[str, Any]) -> None:
    points_over_seeds(axes, at, values.transpose("setting", "replicate").values, **look)


def _count_axis(axes: Axes, counts: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(counts[0] / 1.3, counts[-1] * 1.3)
    axes.xaxis.set_major_locator(FixedLocator([float(count) for count in counts]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(short_number))
    axes.set_xlabel("number of tasks $K$")
