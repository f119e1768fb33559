"""Figure of the speciation of trained U-Nets: stored dataset in, Figure out."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.described import described
from companion.figures.marks import letter_panels, points_over_seeds, simulation_points
from companion.figures.style import axis_label, figure
from companion.figures.unet_classes import CLASS_COLOURS, class_handles, class_names
from companion.figures.unet_curves import middle


@described(
    title="From which noise on images come back to their class",
    caption="Held-out images of each class, noised to diffusion time $t_{\\mathrm{OU}}$ (above: noise level $t$ "
    "of 1000) and followed back by the trained model: share that the classifier gives to their own class "
    "again, for several shares of the two classes among the training images. One training set has "
    "Wilson's 95 % intervals; of several each is a thin line, markers are their median. Dotted: half of "
    "the way from one to the share at the highest noise; triangles: there, at the median speciation time "
    "$t_S^c$. Last panel: $t_S^c$ against the share of the first class; mean over training sets with 95 % "
    "bootstrap intervals, of one training set the interval of as many images drawn again. A dash stands where "
    "a curve falls by less than a tenth, so that its time cannot be told. Runs are those of the imbalance "
    "figure.",
    equation=r"\phi_c(t_S^c)=\frac{1+\phi_\infty^c}{2}",
)
def speciation(data: xr.Dataset) -> Figure:
    """Shares that return against time, one panel for each setting; times against the share of class 0."""
    settings = data.sizes["minority"]
    drawing, panels = figure("text", height=2.5, ncols=settings + 1)
    names = class_names(data)
    for place, axes in enumerate(panels[:-1]):
        part = data.isel(minority=place)
        for label in (0, 1):
            _curve(axes, part.isel(label=label), CLASS_COLOURS[label], (0.985, 1.015)[label])
        axes.set_xscale("log")
        axes.set_ylim(0, 1.04)
        axes.set_xlabel(axis_label(data.level_time))
        few = int(part.minority)
        axes.set_title(f"{few} + {data.attrs['total'] - few} images", fontsize=7)
        _levels_above(axes, data)
    panels[0].set_ylabel(axis_label(data.returned))
    panels[0].legend(handles=class_handles(names, marker="o"), loc="lower left")
    _times(panels[-1], data)
    letter_panels(panels)
    return drawing


def _curve(axes: Axes, part: xr.Dataset, colour: str, aside: float) -> None:
    at, curves = part.level_time.values, part.returned.transpose("replicate", "level").values
    if len(curves) == 1:
        simulation_points(
            axes,
            at * aside,  # bars of the two classes stand beside each other
            curves[0],
            part.returned_low[0],
            part.returned_high[0],
            color=colour,
            fmt="-o",
            linewidth=0.8,
        )
    else:
        axes.plot(at, curves.T, color=colour, linewidth=0.4, alpha=0.5)
        axes.plot(at, middle(curves.T), "-o", color=colour, linewidth=1.2)
    floor, time = float(middle(part.floor.values)), float(middle(part.time.values))
    axes.axhline((1 + floor) / 2, color=colour, linestyle=":", linewidth=0.6, zorder=1.0)
    if np.isfinite(time) and time > 0:
        axes.plot(time, (1 + floor) / 2, "v", color=colour, markersize=6, markeredgecolor="white", zorder=4.0)


def _levels_above(axes: Axes, data: xr.Dataset) -> None:
    above = axes.secondary_xaxis("top")
    above.set_xscale("log")
    times, levels = data.level_time.values, data.level.values
    chosen = np.linspace(0, len(times) - 1, min(4, len(times))).round().astype(int)
    above.set_xticks(times[chosen], [str(level) for level in levels[chosen]], minor=False)
    above.minorticks_off()
    above.tick_params(labelsize=6, pad=0)


def _times(axes: Axes, data: xr.Dataset) -> None:
    share = data.share.values
    for label, aside in ((0, 0.97), (1, 1.03)):
        part, colour = data.isel(label=label), CLASS_COLOURS[label]
        times, low, high = (
            part[name].transpose("minority", "replicate").values for name in ("time", "time_low", "time_high")
        )
        for at, (place, row) in enumerate(zip(share * aside, times, strict=True)):
            known = row[np.isfinite(row)]
            if known.size > 1:
                points_over_seeds(axes, [place], [known], color=colour)
                axes.plot(np.full(known.size, place), known, "_", color=colour, markersize=3, alpha=0.5)
            elif known.size:
                alone = int(np.flatnonzero(np.isfinite(row))[0])
                simulation_points(axes, [place], known, [low[at, alone]], [high[at, alone]], color=colour)
            else:
                axes.annotate(
                    "—", (place, 0.02), xycoords=("data", "axes fraction"), color=colour, ha="center"
                )
        known = np.isfinite(times)
        means = np.divide(
            np.where(known, times, 0).sum(axis=1),
            known.sum(axis=1),
            out=np.full(len(times), np.nan),
            where=known.any(axis=1),
        )
        axes.plot(share * aside, means, color=colour, linewidth=0.6)
    axes.set_xscale("log")
    axes.set_xticks(share, [_fraction(float(value)) for value in share])
    axes.minorticks_off()
    axes.set_xlim(share.min() / 1.3, share.max() * 1.3)
    axes.set_ylim(0, 1.15 * axes.get_ylim()[1])
    axes.set_xlabel(f"{axis_label(data.share)}: {class_names(data)[0]}")
    axes.set_ylabel(axis_label(data.time))


def _fraction(value: float) -> str:
    """A share as a reader writes it: 1/8, 0.3."""
    whole = 1 / value
    return f"1/{round(whole)}" if abs(whole - round(whole)) < 1e-9 else f"{value:.2g}"
