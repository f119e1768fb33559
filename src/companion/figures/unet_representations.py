"""Figure of the hidden features of U-Nets while they learn: stored dataset in, Figure out."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.described import described
from companion.figures.marks import letter_panels
from companion.figures.style import PALETTE, SEQUENTIAL, axis_label, figure
from companion.figures.unet_classes import CLASS_COLOURS, class_handles, class_names
from companion.figures.unet_curves import STEPS, clock_handles, clock_marks, curve, middle, step_axis

_LAST, _BETWEEN = PALETTE["ink"], PALETTE["plum"]
_CLOCKS = ("early_stop", "mem_gap")


@described(
    title="Features while classes are learned, and then copied",
    caption="Hidden features of held-out images with noise of $t_{\\mathrm{OU}}=.1$, for each pair. First: "
    "accuracy of a linear read-out of the class from the features, cross-validated; dashed: from the "
    "noisy pixels; rings at the left edge: untrained network. Second: linear alignment (debiased CKA) of "
    "the features with those of the last checkpoint, and of two training sets at the same step, which see "
    "the same images, each with its own noise and start. Marks above: clocks of the two classes. Third: "
    "alignment of all checkpoints with each other, mean over training sets. Thin lines: training sets, "
    "thick: their median. Runs are those of the clocks.",
    equation=r"\mathrm{CKA}=\frac{\langle K,K'\rangle}{|K|\,|K'|}",
)
def representations(data: xr.Dataset) -> Figure:
    """Probes, alignment with the last checkpoint and between replicates, and maps of alignment of each pair."""
    pairs = data.sizes["pair"]
    alone = pairs == 1
    shape = {"nrows": 1, "ncols": 3} if alone else {"nrows": 3, "ncols": pairs}
    drawing, grid = figure("text", 2.3 if alone else 5.4, "columns", squeeze=False, **shape)
    columns = grid if alone else grid.T
    lowest = min(_lowest(data), 0.95)
    image = None
    for place, (probes, aligned, mapped) in enumerate(columns):
        part = data.isel(pair=place)
        _probes(probes, part)
        _alignment(aligned, part)
        image = _map(mapped, part, lowest)
        if not alone:
            probes.set_title(str(part.pair.values), fontsize=7)
    for axes, text in zip(columns[0], (data.probe, data.alignment, None), strict=True):
        axes.set_ylabel(STEPS if text is None else axis_label(text))
    if image is not None:
        drawing.colorbar(image, ax=columns[:, 2].tolist(), label="CKA", pad=0.01)
    handles = [
        Line2D([], [], color=_LAST, label="with the last step"),
        Line2D([], [], color=_BETWEEN, label="of two training sets"),
    ]
    several = data.sizes["comparison"] > 0
    drawing.legend(
        handles=[*handles[: 2 if several else 1], *clock_handles(_CLOCKS)],
        loc="outside upper center",
        ncols=4,
    )
    letter_panels(grid.flat)
    return drawing


def _lowest(data: xr.Dataset) -> float:
    known = data.alignment.values[np.isfinite(data.alignment.values)]
    return float(np.floor(10 * known.min()) / 10) if known.size else 0.0


def _probes(axes: Axes, part: xr.Dataset) -> None:
    for label, colour in enumerate(CLASS_COLOURS):
        own = part.isel(label=label)
        curve(axes, own.probe, colour)
        pixels = float(middle(own.pixel_probe.values))
        axes.axhline(pixels, color=colour, linewidth=0.6, linestyle=(0, (4, 2 + 2 * label)), zorder=1.0)
        _untrained(axes, own.probe, colour)
    step_axis(axes, part.step.values)
    axes.set_ylim(None, 1.02)
    axes.set_xlabel(STEPS)
    axes.legend(handles=class_handles(class_names(part)), loc="lower right")


def _alignment(axes: Axes, part: xr.Dataset) -> None:
    last = part.alignment.isel(other_step=-1)
    curve(axes, last, _LAST)
    _untrained(axes, last, _LAST)
    if part.sizes["comparison"]:
        between = part.replicate_alignment.rename(comparison="replicate")
        curve(axes, between, _BETWEEN, lone=False)
        _untrained(axes, between, _BETWEEN)
    step_axis(axes, part.step.values)
    clock_marks(axes, part, _CLOCKS)
    axes.set_ylim(None, 1.02)
    axes.set_xlabel(STEPS)


def _untrained(axes: Axes, values: xr.DataArray, colour: str) -> None:
    """A ring at the left edge: the median over replicates at step 0, which a logarithmic axis has no place for."""
    if 0 not in values.step.values:
        return
    start = float(middle(values.sel(step=0).values))
    ring: dict[str, Any] = {"markerfacecolor": "white", "markersize": 3.5, "clip_on": False, "zorder": 4.0}
    axes.plot(0.0, start, "o", color=colour, transform=axes.get_yaxis_transform(), **ring)


def _map(axes: Axes, part: xr.Dataset, lowest: float) -> Any:
    values = part.alignment.transpose("replicate", "step", "other_step").values
    whole = values[~np.isnan(values).any(axis=(1, 2))]
    mean = whole.mean(axis=0) if len(whole) else np.full(values.shape[1:], np.nan)
    image = axes.pcolormesh(np.ma.masked_invalid(mean), cmap=SEQUENTIAL, vmin=lowest, vmax=1, rasterized=True)
    steps = part.step.values
    ticks = np.unique(np.linspace(0, len(steps) - 1, 5).round().astype(int))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks + 0.5, [str(steps[tick]) for tick in ticks])
    axes.set_xlabel(STEPS)
    return image
