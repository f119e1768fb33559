"""Figures of samples that were evaluated from files: the dataset of `studies.evaluation` in, Figure out."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, simulation_points
from companion.figures.style import GREY, PALETTE, axis_label, figure

GENERATED, NULL = PALETTE["vermilion"], GREY

# Legends stand across the threshold's line.
_OPAQUE = {"frameon": True, "facecolor": "white", "edgecolor": "none", "framealpha": 1.0}


@described(
    title="Copies among the generated samples",
    caption="(a) Histograms of $d_1/d_2$, the distances of a sample to its two nearest training images: generated "
    "samples (coloured) and real images (grey). (b) Share below each threshold, with 95 % Wilson intervals. (c), where "
    "labels were given: memorised fraction by class (of the nearest training image, or of the linear discriminant), "
    "blank below 30 samples of a class. Dashed: the threshold.",
    equation=r"r=\frac{d_1}{d_2}<\kappa",
)
def ratios(data: xr.Dataset) -> Figure:
    """Histogram of ratios, threshold sweep, and classes where there are any."""
    classes = "label" in data.dims
    drawing, panels = figure("text", height=2.1, ncols=3 if classes else 2)
    kappa = float(data.attrs["threshold"])
    _histogram(panels[0], data, kappa)
    _sweep(panels[1], data, kappa)
    if classes:
        _classes(panels[2], data)
    letter_panels(panels)
    return drawing


def _histogram(axes: Axes, data: xr.Dataset, kappa: float) -> None:
    centres = data["bin"].values
    edges = np.linspace(0, 1, centres.size + 1)
    if np.isfinite(data.null_density).all():
        axes.stairs(data.null_density.values, edges, fill=True, color=NULL, alpha=0.5, label="real images")
    axes.stairs(data.generated_density.values, edges, color=GENERATED, linewidth=1.2, label="generated")
    guide(axes, x=kappa, text=rf"$\kappa={kappa:.3g}$")
    axes.set_xlim(0, 1)
    axes.set_xlabel(axis_label(data["bin"]))
    axes.set_ylabel("density")
    axes.legend(loc="upper center", **_OPAQUE)  # copies stand at the left, fresh samples at the right


def _sweep(axes: Axes, data: xr.Dataset, kappa: float) -> None:
    levels = data.threshold.values
    for name, colour, text in (("null", NULL, "real images"), ("memorised", GENERATED, "generated")):
        if np.isnan(data[name]).any():
            continue
        axes.fill_between(
            levels, data[f"{name}_lower"], data[f"{name}_upper"], color=colour, alpha=0.25, linewidth=0
        )
        axes.plot(levels, data[name], color=colour, label=text)
    guide(axes, x=kappa, text=rf"$\kappa={kappa:.3g}$")
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(axis_label(data.threshold))
    axes.set_ylabel(r"share with $d_1/d_2<\kappa$")
    axes.legend(loc="upper left", **_OPAQUE)


def _classes(axes: Axes, data: xr.Dataset) -> None:
    places = np.arange(data.sizes["label"])
    rules = [
        (rule, colour, marker, text)
        for rule, colour, marker, text in (
            ("by_nearest", PALETTE["blue"], "s", "class of the nearest"),
            ("by_discriminant", PALETTE["green"], "o", "class by discriminant"),
        )
        if f"class_fraction_{rule}" in data
    ]
    for index, (rule, colour, marker, text) in enumerate(rules):
        name = f"class_fraction_{rule}"
        shift = 0.24 * (index - (len(rules) - 1) / 2)
        ends = data[f"{name}_lower"], data[f"{name}_upper"]
        simulation_points(axes, places + shift, data[name], *ends, color=colour, fmt=marker, label=text)
    axes.axhline(
        float(data.memorised_fraction), color=GENERATED, linewidth=0.8, zorder=1.0, label="all samples"
    )
    axes.set_xticks(places, [str(name) for name in data.label.values], rotation=90 if places.size > 12 else 0)
    axes.set_xlim(-0.6, places.size - 0.4)
    tops = [data[f"class_fraction_{rule}_upper"].values for rule, *_ in rules]
    highest = float(np.nanmax(np.concatenate([*tops, [float(data.memorised_fraction), 0.1]])))
    axes.set_ylim(-0.02 * highest, 1.45 * highest)  # room for the legend
    axes.set_xlabel(axis_label(data.label))
    axes.set_ylabel("memorised fraction")
    axes.legend(loc="upper left", ncols=1)


@described(
    title="Samples and their nearest training images",
    caption="Generated samples (above) at evenly spaced ranks of $d_1/d_2$, the smallest on the left, and the training "
    "image nearest to each (below); the number is $d_1/d_2$, coloured where the sample counts as memorised. One grey "
    "scale for all.",
    equation=r"r=\frac{d_1}{d_2}=\frac{\min_i|x-x_i|}{\min_{j\neq i_1}|x-x_j|}<\kappa",
)
def samples(data: xr.Dataset) -> Figure:
    """Pairs of pictures, two rows."""
    count = data.sizes["shown"]
    drawing, panels = figure("text", height=1.35, nrows=2, ncols=count, squeeze=False)
    real = data.shown_nearest.values
    low, high = float(real.min()), float(real.max())
    for column in range(count):
        for row, name in enumerate(("shown_sample", "shown_nearest")):
            axes = panels[row, column]
            axes.imshow(data[name].values[column], cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        ratio = float(data.shown_ratio[column])
        colour = GENERATED if ratio < float(data.attrs["threshold"]) else PALETTE["ink"]
        panels[0, column].set_title(f"{ratio:.2f}", color=colour, fontsize=7)
    panels[0, 0].set_ylabel("sample")
    panels[1, 0].set_ylabel("nearest")
    return drawing
