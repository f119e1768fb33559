"""Figure of β-VAEs from unlike gains of encoder and decoder: what their latents stand for, and how well they fit."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds, theory_line
from companion.figures.style import GREY, PALETTE, axis_label, figure, shades

#: Starts whose error is larger than this many times that of the balanced one, or |L| >= 1, are marked as under-trained.
UNDERTRAINED = 1.5
#: Imbalance whose traversals, and whose measures at equal error, are drawn beside those of the balanced start.
CONTRAST = 0.5
_COLOURS = [PALETTE[name] for name in ("blue", "vermilion", "green", "orange", "plum", "sky")]
_DARKEST = 7
_ENDS = ("error", "gap", "active", "disentanglement")


@described(
    title="Gains at the start of a variational autoencoder",
    caption="β-VAEs on generated images of a square (factors: scale, x, y), every encoder matrix $10^{-L/2}$ and every "
    "decoder matrix $10^{L/2}$ times its Xavier-normal start. After equally many steps: (a) error, (b) latents with a "
    "mean divergence above .1 nats, (d) mutual information gap, (e) disentanglement $D$. Small dots: seeds; "
    "markers: their mean with 95 % bootstrap interval, open where under-trained ($|L|\\geq1$, or an error above 1.5 "
    "times the balanced one's): these say nothing on disentanglement. (c) Gap against error along training (to the "
    "right), mean of the seeds; dashed: mean of the errors at which (f) compares. (f) Gap at equal error, the lowest "
    "that all three starts of a seed reach: thin lines are seeds. (g-i) Decoded images around the code of the middle "
    "image, one latent moved per row from -2 to 2, latents by their mean divergence (number, nats).",
    equation=r"\frac{|x-y|^2}{2s^2}+\beta\,\mathrm{KL},\qquad W_{\mathrm{enc}}\to10^{-L/2}\,W_{\mathrm{enc}},\qquad "
    r"W_{\mathrm{dec}}\to10^{L/2}\,W_{\mathrm{dec}}",
    claims=["p3_e_vae"],
)
def vae_initialisation(data: xr.Dataset) -> Figure:
    """The dataset of `as_drawn`: six panels of numbers above three traversals."""
    drawing, grid = figure("text", height=5.3, nrows=3, ncols=3, height_ratios=(1.0, 1.0, 1.15))
    panels = {"error": grid[0, 0], "active": grid[0, 1], "gap": grid[1, 0], "disentanglement": grid[1, 1]}
    for name, axes in panels.items():
        _against_imbalance(axes, data, name)
    grid[0, 0].set_yscale("log")
    _plain_numbers(grid[0, 0], "y")
    _along_training(grid[0, 2], data)
    _at_equal_error(grid[1, 2], data)
    if data.sizes["setting"] > 1:
        handles = [
            Line2D([], [], color=colour, marker="o", linestyle="", label=str(label))
            for colour, label in zip(_COLOURS, data.setting.values, strict=False)
        ]
        drawing.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 4))
    for axes, place in zip(grid[2], range(data.sizes["shown"]), strict=False):
        _traversal(axes, data.isel(shown=place))
    for axes in grid[2, data.sizes["shown"] :]:
        axes.set_visible(False)
    letter_panels(axes for axes in grid.flat if axes.get_visible())
    return drawing


def as_drawn(data: xr.Dataset) -> xr.Dataset:
    """What `vae_initialisation` draws of the study's dataset, small enough for a table; attributes are kept.

    Ends of all runs; mean curves of the first setting; measures at equal error; and of the first replicate's
    traversals each row of pictures as one text, one digit a pixel (0: 0 and less, 7: 1 and more).
    """
    ends = {
        name: data[name].isel({data[name].dims[-1]: -1}).transpose("setting", "replicate", "imbalance")
        for name in _ENDS
    }
    first = data.isel(setting=0)
    curves = {
        name: first[name].mean("replicate", skipna=False, keep_attrs=True).isel(checkpoint=slice(1, None))
        for name in ("error", "gap")
    }
    shown = _shown(data.imbalance.values)
    order = np.argsort(-first.divergence.isel(replicate=0).values, axis=1)
    pictures = np.take_along_axis(
        data.traversal.transpose("imbalance", "latent", "value", "pixel").values,
        order[:, :, None, None],
        axis=1,
    )[shown]
    tones = np.clip(np.round(pictures * _DARKEST), 0, _DARKEST).astype(int)
    texts = ["".join(map(str, tones[place].flat)) for place in np.ndindex(tones.shape[:2])]
    rates = np.take_along_axis(first.divergence.isel(replicate=0).values, order, axis=1)[shown]
    rows = ("shown", "row")
    matched = first[["matched_gap", "common_error"]].sel(contrast=CONTRAST, drop=True)
    return xr.Dataset(
        {
            **ends,
            **{f"curve_{name}": each for name, each in curves.items()},
            **{str(name): each for name, each in matched.data_vars.items()},
            "pictures": (rows, np.reshape(texts, tones.shape[:2]), {"values": tones.shape[2]}),
            "rate": (rows, rates, data.divergence.attrs),
            "variance": data.variance,
        },
        coords={"shown": ("shown", data.imbalance.values[shown], data.imbalance.attrs)},
        attrs=data.attrs,
    )


def signed(value: float) -> str:
    """An imbalance as a legend says it.

    >>> signed(0.5), signed(0.0)
    ('+0.5', '0')
    """
    return f"{value:+g}".replace("-", "\u2212") if value else "0"


def colours(imbalances: np.ndarray) -> list[str]:
    """Colours of the imbalances, dark to light from encoder-heavy to decoder-heavy, and ink for the balanced start."""
    found = np.empty(len(imbalances), dtype=object)
    found[np.argsort(imbalances)] = shades(len(imbalances))
    return [PALETTE["ink"] if value == 0 else colour for value, colour in zip(imbalances, found, strict=True)]


def _shown(imbalances: np.ndarray) -> list[int]:
    """Places of -L, 0 and L of the contrast; of the first, the middle and the last where they were not run."""
    wanted = [np.flatnonzero(np.isclose(imbalances, value)) for value in (-CONTRAST, 0.0, CONTRAST)]
    if all(place.size for place in wanted):
        return [int(place[0]) for place in wanted]
    return sorted({0, len(imbalances) // 2, len(imbalances) - 1})


def _undertrained(data: xr.Dataset) -> np.ndarray:
    """Whether the runs of a setting (setting, imbalance) are to be read with care; those that broke are."""
    mean = data.error.mean("replicate", skipna=False)
    balanced = mean.isel(imbalance=int(np.abs(data.imbalance.values).argmin()))
    fitted = (mean <= UNDERTRAINED * balanced).transpose("setting", "imbalance").values
    return ~fitted | (np.abs(data.imbalance.values) >= 1)


def _against_imbalance(axes: Axes, data: xr.Dataset, name: str) -> None:
    places = data.imbalance.values
    values = data[name].transpose("setting", "imbalance", "replicate").values.astype(float)
    open_marks = _undertrained(data)
    gap = np.diff(np.sort(places)).min() if places.size > 1 else 1.0
    shifts = 0.22 * gap * (np.arange(len(values)) - (len(values) - 1) / 2)
    for samples, shift, colour, marked in zip(values, shifts, _COLOURS, open_marks, strict=False):
        # Beside the marker, whose bar would hide them.
        across = np.repeat(places + shift + 0.12 * gap, samples.shape[1])
        look = {"color": colour, "alpha": 0.5, "markersize": 3, "markeredgewidth": 0, "zorder": 2}
        axes.plot(across, samples.ravel(), ".", **look)
        for chosen, face in ((~marked, colour), (marked, "white")):
            if chosen.any():
                points_over_seeds(
                    axes,
                    places[chosen] + shift,
                    samples[chosen],
                    color=colour,
                    markersize=4,
                    markerfacecolor=face,
                    markeredgewidth=0.8,
                )
    axes.set_xlabel(axis_label(data.imbalance))
    axes.set_ylabel(axis_label(data[name]))
    if name != "error":
        axes.yaxis.set_major_locator(MaxNLocator(4))  # few digits, so that the label has room
        axes.set_ylim(0, 1.06 * float(np.nanmax(values)))


def _along_training(axes: Axes, data: xr.Dataset) -> None:
    for value, colour in zip(data.imbalance.values, colours(data.imbalance.values), strict=True):
        part = data.sel(imbalance=value)
        axes.plot(part.curve_error, part.curve_gap, color=colour, linewidth=0.9, label=signed(value))
    common = data.common_error.values
    if np.isfinite(common).all():
        guide(axes, x=float(common.mean()))
    axes.set_xscale("log")
    # Networks that answer with the mean image are where training begins to say something.
    lowest = float(np.nanmin(data.curve_error))
    axes.set_xlim(float(data.variance), 0.9 * lowest)
    _plain_numbers(axes, "x")
    axes.set_xlabel(axis_label(data.curve_error))
    axes.set_ylabel(axis_label(data.curve_gap))
    seen = data.curve_gap.values[(data.curve_error < data.variance).values]
    if np.isfinite(seen).any():  # not in a training that was stopped before it said anything
        axes.set_ylim(0, 1.5 * float(np.nanmax(seen)))
    look = {"fontsize": 6, "title_fontsize": 6, "handlelength": 1.0, "columnspacing": 0.6}
    axes.legend(title="$L$", ncols=4, loc="upper left", **look)


def _plain_numbers(axes: Axes, which: str) -> None:
    """Ticks at 1, 2, 5, 10, ... of a logarithmic axis that spans a decade or so."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = sorted(axis.get_view_interval())
    ticks = [value for value in (0.5, 1, 2, 3, 5, 10, 20, 50, 100) if low <= value <= high]
    axis.set_ticks(ticks, [f"{value:g}" for value in ticks])
    axis.set_ticks([], minor=True)


def _at_equal_error(axes: Axes, data: xr.Dataset) -> None:
    places = np.arange(data.sizes["side"])
    samples = data.matched_gap.transpose("side", "replicate").values
    for seed in samples.T:
        theory_line(axes, places, seed, color=GREY, linewidth=0.5)
    points_over_seeds(axes, places, samples, color=_COLOURS[0], markersize=4)
    axes.set_xticks(places, [rf"$L={value:g}$" for value in (-CONTRAST, 0, CONTRAST)])
    axes.set_xlim(-0.4, len(places) - 0.6)
    axes.set_ylabel("gap at equal error")
    axes.set_ylim(0, None)


def _traversal(axes: Axes, data: xr.Dataset) -> None:
    """Rows of pictures from top to bottom, one latent each."""
    columns = int(data.pictures.attrs["values"])
    for row, (text, rate) in enumerate(zip(data.pictures.values, data.rate.values, strict=True)):
        pixels = np.array([int(digit) for digit in str(text)])
        side = round((pixels.size / columns) ** 0.5)
        pictures = pixels.reshape(columns, side, side)
        for column, picture in enumerate(pictures):
            left, top = 1.08 * column, 1.08 * row
            look = {"cmap": "gray_r", "vmin": 0, "vmax": _DARKEST, "interpolation": "nearest"}
            axes.imshow(picture, extent=(left, left + 1, top + 1, top), **look)
        axes.text(-0.15, 1.08 * row + 0.5, f"{rate:.1f}", ha="right", va="center", fontsize=6)
    axes.set_xlim(-0.05, 1.08 * columns)
    axes.set_ylim(1.08 * data.sizes["row"], -0.05)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_title(f"$L={float(data.shown):g}$")
