"""The figure of where one operation generalises in time: trained share of its table against weight decay."""

from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullFormatter
from matplotlib.typing import LineStyleType
from numpy.typing import NDArray

from companion.analysis.statistics import log_ratio, median
from companion.figures.described import described
from companion.figures.marks import letter_panels, points_over_seeds, theory_line
from companion.figures.style import GREY, PALETTE, SEQUENTIAL, axis_label, figure, shades
from companion.figures.unet_curves import short_number

_LEVELS: Final = (3.0, 6.0, 12.0)  # of T_gen/T_mem
_DASHES: Final[tuple[LineStyleType, ...]] = ("-", "--", ":")
_MARKERS: Final = "osD^vP*X"
_DARK: Final = 0.45  # share of the colour scale below which text is white


@described(
    title="Where one operation generalises in time",
    caption="One operation on a grid of weight decays and of trained shares of its table. (a) Colour and upper number: "
    "median over runs of $T_\\mathrm{gen}$; lower number: median of $T_\\mathrm{gen}/T_\\mathrm{mem}$, with contours; "
    "hatched: at least half of the runs do not generalise by the end of training, as many as is written there. (b) "
    "Delay between both times: every run (small) and medians (large, lines), by trained share; crosses above: shares "
    "of which the median run does not generalise; dashed: $1/\\lambda$, to be compared in slope. (c) Accuracy on test "
    "rows at the end, never censored: mean of the last three evaluations, over runs with 95 % bootstrap intervals; "
    "dotted: what knowing $a+b=b+a$ and the training rows gives.",
    equation=r"T_\mathrm{gen}-T_\mathrm{mem}\propto\frac{1}{\eta\lambda}",
)
def phases(data: xr.Dataset) -> Figure:
    """The map of times (left), delay against weight decay (middle), final accuracy against share (right)."""
    drawing, panels = figure("text", height=2.5, ncols=3, width_ratios=(1.25, 1, 1))
    chart, delays, ends = panels
    mesh = _map(chart, data)
    bar = drawing.colorbar(mesh, ax=chart, pad=0.02, aspect=30)
    bar.set_label(axis_label(data.generalised_at))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(short_number))
    bar.ax.yaxis.set_minor_formatter(FuncFormatter(short_number))
    bar.ax.tick_params(which="both", labelsize=6)
    _delays(delays, data)
    _ends(ends, data)
    letter_panels(panels)
    return drawing


def _sorted(values: xr.DataArray) -> NDArray[np.float64]:
    return values.transpose("fraction", "weight_decay", "replicate").values


def _map(axes: Axes, data: xr.Dataset):
    """Cells (fraction, weight_decay) of the median T_gen, its mesh."""
    times = _sorted(data.generalised_at)
    middle = median(times)
    ratio = np.exp(median(log_ratio(_sorted(data.memorised_at), times)))
    never = np.isinf(times).sum(axis=-1)
    shown = np.ma.masked_invalid(middle)
    known = shown.compressed()
    norm = LogNorm(*((known.min() / 1.1, known.max() * 1.1) if known.size else (1.0, data.attrs["steps"])))
    up, across = (np.arange(size + 1) - 0.5 for size in middle.shape)
    mesh = axes.pcolormesh(across, up, shown, cmap=SEQUENTIAL, norm=norm)
    for row, column in np.ndindex(*middle.shape):
        value, count = middle[row, column], never[row, column]
        late = f"{count}/{times.shape[-1]} never"
        if not np.isfinite(value):
            look = {"facecolor": "#E4E4E4", "hatch": "////", "edgecolor": GREY, "linewidth": 0}
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **look))
            text, ink = late if np.isinf(value) else "missing", PALETTE["ink"]
        else:
            text = f"{value:.0f}\n" + (rf"$\times${ratio[row, column]:.2g}" if count == 0 else late)
            ink = "white" if norm(value) < _DARK else PALETTE["ink"]
        box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "linewidth": 0} if ink != "white" else None
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            fontsize=6,
            color=ink,
            bbox=None if np.isfinite(value) else box,
        )
    _contours(axes, np.where(np.isfinite(middle), ratio, np.nan))
    axes.set_xticks(range(middle.shape[1]), [f"{value:g}" for value in data.weight_decay.values])
    axes.set_yticks(range(middle.shape[0]), [f"{value:g}" for value in data.fraction.values])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(axis_label(data.weight_decay))
    axes.set_ylabel(axis_label(data.fraction))
    return mesh


def _contours(axes: Axes, ratio: NDArray[np.float64]) -> None:
    """Lines of equal T_gen/T_mem between cells where all four corners have one."""
    inside = np.ma.masked_invalid(ratio)
    levels = [level for level in _LEVELS if inside.count() and inside.min() < level < inside.max()]
    if min(ratio.shape) < 2 or not levels:
        return
    axes.contour(
        inside, levels=levels, colors=PALETTE["orange"], linewidths=1.0, linestyles=_DASHES[: len(levels)]
    )
    shown = [
        Line2D([], [], color=PALETTE["orange"], linestyle=dash, label=f"{level:g}")
        for level, dash in zip(levels, _DASHES, strict=False)
    ]
    look = {
        "loc": "lower right",
        "bbox_to_anchor": (1.0, 1.0),
        "ncols": 3,
        "columnspacing": 0.8,
        "fontsize": 6,
    }
    names = axes.legend(handles=shown, title=r"$T_\mathrm{gen}/T_\mathrm{mem}$:", alignment="left", **look)
    names.get_title().set_fontsize(6)


def _delays(axes: Axes, data: xr.Dataset) -> None:
    """T_gen - T_mem against weight decay, a colour for each trained share."""
    memorised, generalised = _sorted(data.memorised_at), _sorted(data.generalised_at)
    with np.errstate(invalid="ignore"):
        late = np.where(np.isinf(generalised), np.inf, generalised - memorised)
    decay = data.weight_decay.values
    middle = median(late)
    reached = late[np.isfinite(late) & (late > 0)]
    for place, (share, colour) in enumerate(zip(data.fraction.values, shades(late.shape[0]), strict=True)):
        marker = _MARKERS[place % len(_MARKERS)]
        x = decay * 1.03 ** (place - (late.shape[0] - 1) / 2)
        axes.plot(x, late[place], marker, color=colour, markersize=2, alpha=0.5, markeredgewidth=0)
        finite = np.isfinite(middle[place])
        axes.plot(
            x[finite],
            middle[place][finite],
            color=colour,
            marker=marker,
            markersize=4,
            label=f"$f={share:g}$",
        )
        for each in x[~finite]:
            height = 0.98 - 0.035 * place
            crosses = {"transform": axes.get_xaxis_transform(), "markersize": 3}
            axes.plot(each, height, "x", color=colour, **crosses)
    if reached.size:
        anchor = float(np.median(reached)) * np.sqrt(decay[0] * decay[-1])
        theory_line(
            axes,
            decay,
            anchor / decay,
            color=GREY,
            linestyle=(0, (4, 2)),
            linewidth=0.8,
            label=r"$1/\lambda$",
        )
    else:
        axes.set_ylim(1, data.attrs["steps"])  # nothing that could set it
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.2)  # room for the crosses
    axes.set_xticks(decay, [f"{value:g}" for value in decay])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(short_number))
    axes.yaxis.set_minor_formatter(FuncFormatter(_sparse))
    axes.tick_params(axis="y", which="both", labelsize=6)
    axes.set_xlabel(axis_label(data.weight_decay))
    axes.set_ylabel(r"$T_\mathrm{gen}-T_\mathrm{mem}$ (steps)")
    axes.legend(loc="lower left", fontsize=6)


def _sparse(value: float, place: int | None = None) -> str:
    """Names at 2 and 5 of a decade only."""
    return short_number(value, place) if f"{value:e}"[0] in "25" else ""


def _ends(axes: Axes, data: xr.Dataset) -> None:
    """Final test accuracy against the trained share, a colour for each weight decay."""
    share = data.fraction.values
    accuracy = data.final_test.transpose("weight_decay", "fraction", "replicate").values
    count = len(accuracy)
    for place, (decay, colour) in enumerate(
        zip(data.weight_decay.values, shades(count, "plasma"), strict=True)
    ):
        shift = 0.006 * (place - (count - 1) / 2)
        marker = _MARKERS[place % len(_MARKERS)]
        points_over_seeds(
            axes,
            share + shift,
            accuracy[place],
            color=colour,
            fmt=f"-{marker}",
            label=rf"$\lambda={decay:g}$",
        )
    theory_line(axes, share, share, color=GREY, linestyle=":", label="symmetry alone")
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel(axis_label(data.fraction))
    axes.set_ylabel(axis_label(data.final_test))
    axes.legend(loc="best", fontsize=6)
