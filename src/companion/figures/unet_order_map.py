"""A map of which class is first over share and ratio of standard deviations: its panels, for a larger figure."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import TwoSlopeNorm
from matplotlib.patches import Rectangle

from companion.analysis.statistics import median
from companion.figures.style import DIVERGING, GREY, PALETTE, axis_label
from companion.figures.unet_contrasts import MOST_TIES
from companion.figures.unet_curves import CLOCKS

#: Clocks whose order is mapped.
ORDER_CLOCKS = ("early_stop", "mem_gap")


def order_maps(panels: Sequence[Axes], corner: Axes, order: xr.Dataset) -> None:
    """Maps of log(τ_2/τ_1) of both clocks over gain and share, in one scale whose bar stands in the ``corner``.

    ``order.lead`` is (gain, share, replicate, clock); shown are medians over replicates, written into each place. What
    one class alone ever reaches has the end of the scale; hatched is where a number is missing, or where neither class
    gets there in more than a quarter of the runs.
    """
    leads = order.lead.sel(clock=list(ORDER_CLOCKS)).transpose("clock", "share", "gain", "replicate").values
    ties = (leads == 0).mean(axis=-1)  # neither got there, or both at one checkpoint
    known = ~np.isnan(leads).any(axis=-1) & (ties <= MOST_TIES)
    centre = np.where(known, median(np.where(np.isnan(leads), 0.0, leads)), np.nan)
    finite = np.abs(centre[np.isfinite(centre)])
    most = max(float(finite.max()) if finite.size else 0.0, 0.2)
    norm = TwoSlopeNorm(0.0, vmin=-most, vmax=most)
    for axes, clock, values in zip(panels, ORDER_CLOCKS, centre, strict=True):
        _order_map(axes, values, norm, most)
        axes.set_xticks(range(order.sizes["gain"]), [f"{gain:.3g}" for gain in order.gain.values])
        axes.set_yticks(
            range(order.sizes["share"]), [share_text(float(share)) for share in order.share.values]
        )
        axes.set_xlabel(axis_label(order.gain))
        axes.set_ylabel(axis_label(order.share))
        axes.set_title(CLOCKS[clock][0])
    bar = corner.inset_axes((0.05, 0.12, 0.9, 0.07))
    Colorbar(bar, ScalarMappable(norm, DIVERGING), orientation="horizontal", label=axis_label(order.lead))


def _order_map(axes: Axes, centre: np.ndarray, norm: TwoSlopeNorm, most: float) -> None:
    """One map (share, gain): colours, numbers, and hatching where there is no number."""
    shown = np.clip(centre, -most, most)
    up, across = (np.arange(size + 1) - 0.5 for size in centre.shape)
    axes.pcolormesh(across, up, np.ma.masked_invalid(shown), cmap=DIVERGING, norm=norm)
    for row, column in np.ndindex(*centre.shape):
        value = centre[row, column]
        if np.isnan(value):
            axes.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="////", edgecolor=GREY)
            )
            continue
        text = f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
        if np.isinf(value):
            text = "1st only" if value > 0 else "2nd only"
        ink = "white" if abs(shown[row, column]) > 0.6 * most else PALETTE["ink"]
        axes.text(column, row, text, ha="center", va="center", fontsize=5, color=ink)


def share_text(value: float) -> str:
    """A share as figures write it.

    >>> share_text(0.5), share_text(1 / 3), share_text(14 / 128)
    ('0.5', '0.33', '0.11')
    """
    return f"{value:.2g}"
