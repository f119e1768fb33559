"""Figure of β-VAEs that go on with other images: what they forget of the first, by their gains at the start."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds
from companion.figures.style import PALETTE, axis_label, figure
from companion.figures.vae_initialisation import colours, signed

_PHASES = (PALETTE["blue"], PALETTE["vermilion"])


@described(
    title="A second phase of training",
    caption="β-VAEs from gains $L$ learn one set of generated images and go on with another (first squares, then "
    "ellipses, in our setting), the optimiser beginning anew. (a) Error on the images of the first phase against steps "
    "of the second, (b) on those of the second; 0 is the switch. (c) Errors at the switch (open) and at the end "
    "(filled) against $L$. (d) Rise of the first error. Markers: mean over seeds with 95 % bootstrap interval. Starts "
    "that fit less well at the switch have less to forget.",
    equation=r"F=E_1(\tau_{\mathrm{end}})-E_1(\tau_{\mathrm{switch}})",
)
def vae_second_phase(data: xr.Dataset) -> Figure:
    """Both errors along the second phase, and against the imbalance of the start."""
    drawing, grid = figure("text", height=4.0, nrows=2, ncols=2)
    switch = int(data.attrs["switch"])
    later = data.sel(step=data.step >= switch)
    for axes, place in zip(grid[0], range(2), strict=True):
        _along(axes, later.isel(phase=place), switch)
    grid[0, 0].legend(title="$L$", title_fontsize=7, ncols=2, loc="lower right")
    _ends(grid[1, 0], later)
    _rise(grid[1, 1], data)
    letter_panels(grid.flat)
    return drawing


def as_drawn(data: xr.Dataset) -> xr.Dataset:
    """What `vae_second_phase` draws of the study's dataset: nothing before the switch; attributes are kept."""
    return data.sel(step=data.step >= int(data.attrs["switch"]))


def _along(axes: Axes, data: xr.Dataset, switch: int) -> None:
    # The switch has a place of its own, left of the logarithmic axis.
    steps = np.maximum(data.step.values - switch, 0.4)
    marked = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), 12)).round().astype(int))
    for value, colour in zip(data.imbalance.values, colours(data.imbalance.values), strict=True):
        samples = data.error.sel(imbalance=value).transpose("step", "replicate").values
        axes.plot(steps, samples.mean(axis=1), color=colour, linewidth=0.8, label=signed(value))
        points_over_seeds(axes, steps[marked], samples[marked], color=colour, markersize=2.5)
    axes.set_xscale("log")
    decades = 10.0 ** np.arange(np.floor(np.log10(steps[-1])) + 1)
    axes.set_xticks([steps[0], *decades], ["0", *(f"{tick:g}" for tick in decades)])
    axes.minorticks_off()
    axes.set_xlabel("steps of the second phase")
    axes.set_ylabel(f"{axis_label(data.error)}, {data.phase.item()}")


def _ends(axes: Axes, data: xr.Dataset) -> None:
    for place, colour in enumerate(_PHASES):
        for step, face in ((0, "white"), (-1, colour)):
            samples = data.error.isel(phase=place, step=step).transpose("imbalance", "replicate")
            when = "at the switch" if step == 0 else "at the end"
            points_over_seeds(
                axes,
                data.imbalance,
                samples,
                fmt="-o",
                color=colour,
                linewidth=0.7,
                markersize=4,
                markerfacecolor=face,
                markeredgewidth=0.8,
                label=f"{data.phase.values[place]}, {when}",
            )
    axes.set_xlabel(axis_label(data.imbalance))
    axes.set_ylabel(axis_label(data.error))
    axes.set_ylim(0, None)
    axes.legend(ncols=2, fontsize=6, loc="lower center")


def _rise(axes: Axes, data: xr.Dataset) -> None:
    samples = data.forgetting.transpose("imbalance", "replicate")
    points_over_seeds(axes, data.imbalance, samples, color=_PHASES[0], markersize=4)
    guide(axes, y=0.0)
    axes.set_xlabel(axis_label(data.imbalance))
    axes.set_ylabel(axis_label(data.forgetting))
