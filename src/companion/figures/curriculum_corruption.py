"""The figure of wrong labels that are fitted beside the rule, and unlearned under weight decay."""

from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from companion.analysis.statistics import bootstrap_band
from companion.compute.seeds import generator
from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds
from companion.figures.style import PALETTE, axis_label, figure
from companion.figures.unet_curves import short_number, step_axis

#: Accuracies: colour, line, marker, name.
_CURVES: Final = {
    "clean": (PALETTE["vermilion"], (0, (3, 1.2)), "s", "clean training rows"),
    "wrong": (PALETTE["plum"], "-", "D", "corrupted rows, as taught"),
    "corrected": (PALETTE["green"], "-", "^", "corrupted rows, true answer"),
    "test": (PALETTE["blue"], "-", "o", "test rows"),
}
_FIRST: Final = 10
_SHOWN: Final = 3


@described(
    title="Wrong labels are fitted, then unlearned",
    caption="Addition with a share $\\xi$ of the training labels wrong, at rising weight decay $\\lambda$: accuracy on "
    "training rows with their true label, share of corrupted rows answered as they were taught and answered truly, and "
    "accuracy on test rows. Thin: runs; thick: their means. Dashed line: from here on the learning rate falls. "
    "Last panels, one for each $\\xi$, over weight decay: the same before the learning rate falls (open) and "
    "at the end (filled), means of three evaluations with 95 % bootstrap intervals over runs.",
    equation=r"\mathrm{acc}_\mathrm{train}=(1-\xi)\,\mathrm{clean}+\xi\,\mathrm{wrong}\ \to\ 1-\xi"
    r"\quad\text{where the wrong labels are unlearned}",
)
def corruption(data: xr.Dataset) -> Figure:
    """Curves of the first corruption at up to three weight decays, then ends of every corruption."""
    decays = np.unique(np.linspace(0, data.sizes["weight_decay"] - 1, _SHOWN).round().astype(int))
    count = data.sizes["corruption"]
    columns = len(decays) + 1 if count == 1 else max(len(decays), min(count, 4))
    rows = 1 if count == 1 else 1 + -(-count // columns)
    drawing, grid = figure("text", height=0.35 + 1.75 * rows, nrows=rows, ncols=columns, squeeze=False)
    panels = grid.ravel()
    start = len(decays) if count == 1 else columns
    used = [*panels[: len(decays)], *panels[start : start + count]]
    for axes in panels:
        axes.set_visible(any(axes is each for each in used))
    for place, axes in zip(decays, panels, strict=False):
        _accuracies(axes, data.isel(corruption=0, weight_decay=place))
        axes.set_ylabel("accuracy" if place == 0 else "")
    for place, axes in enumerate(panels[start : start + count]):
        _ends(axes, data.isel(corruption=place))
        first = place % columns == 0 and count > 1
        axes.set_ylabel("accuracy" if first or count == 1 else "")
    handles = [
        Line2D([], [], color=colour, linestyle=line, marker=marker, label=label)
        for colour, line, marker, label in _CURVES.values()
    ]
    drawing.legend(handles=handles, loc="outside lower center", ncols=4, handlelength=2.6)
    letter_panels(used)
    return drawing


def _accuracies(axes: Axes, data: xr.Dataset) -> None:
    shown = data.isel(step=data.step.values >= min(_FIRST, data.step.values[-1] / 2))
    for name, (colour, line, _, _) in _CURVES.items():
        runs = shown[name].transpose("replicate", "step").values
        axes.plot(shown.step, runs.T, color=colour, linestyle=line, linewidth=0.35, alpha=0.5, zorder=1.8)
        axes.plot(shown.step, runs.mean(axis=0), color=colour, linestyle=line, linewidth=1.3, zorder=2.4)
        if len(runs) > 1:
            low, high = bootstrap_band(runs.T, generator=generator(0, "error bands"), resamples=999)
            inside = np.clip(low, 0, 1), np.clip(high, 0, 1)
            axes.fill_between(shown.step, *inside, color=colour, alpha=0.12, linewidth=0, zorder=1.6)
    guide(axes, x=data.attrs["decay_from"])
    step_axis(axes, shown.step.values)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel(axis_label(data.step))
    axes.set_title(rf"$\lambda={float(data.weight_decay):g}$, $\xi={float(data.corruption):g}$")


def _ends(axes: Axes, data: xr.Dataset) -> None:
    decays = data.weight_decay.values
    for place, (name, (colour, line, marker, _)) in enumerate(_CURVES.items()):
        before, after = (
            data[f"{when}_{name}"].transpose("weight_decay", "replicate").values
            for when in ("before", "final")
        )
        # Marks of one weight decay stand side by side, those of before on the left.
        left, right = (decays * 1.05 ** (place - 1.5 + side) for side in (-2.5, 2.5))
        axes.plot(right, after.mean(axis=1), color=colour, linestyle=line, linewidth=0.7, alpha=0.6)
        points_over_seeds(axes, right, after, fmt=marker, color=colour)
        hollow = {"markerfacecolor": "white", "markeredgewidth": 0.7, "markeredgecolor": colour}
        points_over_seeds(axes, left, before, fmt=marker, color=colour, **hollow)
    axes.set_xscale("log")
    axes.set_xlim(decays.min() / 1.8, decays.max() * 1.8)
    axes.xaxis.set_major_locator(FixedLocator(decays.tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(short_number))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel(axis_label(data.weight_decay))
    axes.set_title(rf"$\xi={float(data.corruption):g}$")
