"""Figures of how forgetting depends on the similarity of two tasks, over the starts of a soft committee."""

from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.typing import LineStyleType

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds, theory_line
from companion.figures.style import GREY, PALETTE, axis_label, figure, shades

#: Shapes of F(V) in the order of their numbers, and what is drawn: each shape, pale where the peak is not intermediate.
SHAPES: Final = ("hump", "monotonic", "other")
_COLOURS: Final = {
    "hump": (PALETTE["sky"], PALETTE["blue"]),
    "monotonic": (PALETTE["orange"], PALETTE["orange"]),
    "other": ("#D3D3D3", PALETTE["plum"]),
}
_MAP: Final = ListedColormap([colour for pair in _COLOURS.values() for colour in pair])
_NORM: Final = BoundaryNorm(np.arange(2 * len(SHAPES) + 1) - 0.5, 2 * len(SHAPES))
_COLUMNS: Final = 4
_LEVELS: Final[dict[float, LineStyleType]] = {
    0.1: ":",
    0.5: "--",
    0.9: "-",
}  # of S_use, and how they are drawn
_SECONDS: Final = {
    "fixed": r"$h^2=\frac{0.1}{\sqrt{2}}(1,1)$",
    "small": r"$h^2=\frac{0.001}{\sqrt{2}}(1,1)$",
    "free": r"$h^2=(0,r)$",
    "copied": r"$h^2=h^1$ at the switch",
}


@described(
    title="Where forgetting peaks at intermediate similarity",
    caption="Shape of the forgetting $F(V)$ of task 1 over the similarity $V$ of both tasks ($K=2$, $M=1$, order "
    "parameters), for starts $h^1=r(\\cos\\theta,\\sin\\theta)$. Dark: the peak is intermediate, at $0.3\\leq V\\leq "
    "0.7$ with $F(0)<0.2\\max F$. The narrow strip is the tie, $\\theta=\\pi/4$ exactly, which has no width. Lines: "
    "specialisation $S_{\\rm use}$ at the switch. Upper row: $h^2=\\frac{r}{\\sqrt{2}}(1,1)$, weights without overlaps "
    "at several scales $\\sigma_w$, and one draw of weights. Lower row: other readouts of task 2, at the first "
    "$\\sigma_w$.",
    equation=r"F(V)=\epsilon_1(T_1+T_2)-\epsilon_1(T_1),\qquad V=w^{*1}\cdot w^{*2}/d",
    claims=["p3_c_maslow"],
)
def shape_maps(data: xr.Dataset) -> Figure:
    """One map (angle, scale) for each panel of the dataset, four in a row."""
    rows = -(-data.sizes["panel"] // _COLUMNS)
    drawing, grid = figure(
        "text", height=0.5 + 1.55 * rows, nrows=rows, ncols=_COLUMNS, sharex=True, sharey=True, squeeze=False
    )
    panels = grid.ravel()[: data.sizes["panel"]]
    for place, axes in enumerate(panels):
        _map(axes, data.isel(panel=place))
        axes.set_title(_title(data, place))
    for axes in grid.ravel()[panels.size :]:
        axes.set_axis_off()
    for axes in grid[-1]:
        axes.set_xlabel(axis_label(data.angle))
    for axes in grid[:, 0]:
        axes.set_ylabel(axis_label(data.scale))
    lines = [
        Line2D(
            [], [], color=PALETTE["ink"], linewidth=0.8, linestyle=dash, label=rf"$S_{{\rm use}}={level:g}$"
        )
        for level, dash in reversed(_LEVELS.items())
    ]
    drawing.legend(handles=[*_patches(data), *lines], loc="outside lower center", ncols=8)
    letter_panels(panels)
    return drawing


def _map(axes: Axes, data: xr.Dataset) -> None:
    """Cells of all angles but the last, which is the tie and stands apart."""
    cells, r = data.sizes["angle"] - 1, data.scale.values
    tie = float(data.angle[-1])
    across, up = np.linspace(0.0, tie, cells + 1), _edges(r)
    kind = _kind(data["shape"], data["criterion"]).transpose("scale", "angle").values
    axes.pcolormesh(across, up, kind[:, :-1], cmap=_MAP, norm=_NORM)
    strip = np.array([1.04, 1.12]) * tie
    axes.pcolormesh(strip, up, kind[:, -1:], cmap=_MAP, norm=_NORM)
    inside = data.specialisation.isel(angle=slice(None, -1)).transpose("scale", "angle")
    if cells > 1:
        levels, dashes = list(_LEVELS), list(_LEVELS.values())
        axes.contour(
            inside.angle, r, inside, levels=levels, colors=PALETTE["ink"], linewidths=0.8, linestyles=dashes
        )
    axes.set_yscale("log")
    axes.set_xlim(0, strip[1])
    axes.set_ylim(up[0], up[-1])
    axes.set_xticks([0.0, tie / 2, float(strip.mean())], ["0", r"$\pi/8$", "tie"])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _title(data: xr.Dataset, place: int) -> str:
    second, draw = data.attrs["second_readouts"][place], int(data.attrs["draws"][place])
    if second in _SECONDS:
        return _SECONDS[second]
    width = rf"$\sigma_w={float(data.attrs['weight_scales'][place]):g}$"
    return width if draw < 0 else rf"{width}, draw, $d={int(data.attrs['dimension'])}$"


def _kind(shape: xr.DataArray, criterion: xr.DataArray) -> xr.DataArray:
    """Index into the colours."""
    return 2 * shape + criterion


def _patches(data: xr.Dataset) -> list[Patch]:
    """What occurs in the maps, by name."""
    found = np.unique(_kind(data["shape"], data["criterion"]))
    patches = []
    for index, (name, (pale, dark)) in enumerate(_COLOURS.items()):
        if 2 * index + 1 in found:
            patches.append(Patch(color=dark, label=f"{name}, peak intermediate"))
        if 2 * index in found:
            patches.append(Patch(color=pale, label="hump elsewhere" if name == "hump" else name))
    return patches


def _edges(centres: np.ndarray) -> np.ndarray:
    """Edges of cells around centres that are evenly spaced in their logarithm."""
    logs = np.log(centres)
    middle = (logs[1:] + logs[:-1]) / 2
    return np.exp(np.concatenate([[2 * logs[0] - middle[0]], middle, [2 * logs[-1] - middle[-1]]]))


@described(
    title="How thin the monotonic set is, and what moves the maps",
    caption="(a) Shape of $F(V)$ (colours as in the maps) ever nearer to the tie, after time $T$ for each task; lines: "
    "the distance up to which all are monotonic, after other times too. (b) $F(0)/\\max F$ and the similarity of the "
    "peak along one row of (a); dashed: the bounds within which a peak counts as intermediate. (c) Shares of the area "
    "of a map over the weight scale: lines for starts without overlaps, markers for draws of weights with 95 % "
    "bootstrap intervals (moved apart for sight). (d) Share of starts in a subsample of each map whose shape, or whose "
    "peak being intermediate, is another after another time or with a finer integration step.",
    equation=r"h^1=r(\cos\theta,\sin\theta),\qquad F(V)=\epsilon_1(T_1+T_2)-\epsilon_1(T_1)",
    claims=["p3_c_maslow"],
)
def shape_limits(data: xr.Dataset) -> Figure:
    """Near the tie as a map (upper left) and along one r (upper right), areas (lower left), changes (lower right)."""
    drawing, grid = figure("text", height=4.4, nrows=2, ncols=2)
    near, row, areas, changes = grid.flat
    _near(near, data)
    _row(row, data)
    _areas(areas, data)
    _changes(changes, data)
    letter_panels(grid.flat)
    return drawing


def _near(axes: Axes, data: xr.Dataset) -> None:
    first = data.isel(time=0)
    kind = 2 * first.near_shape.transpose("distance", "near_scale").values
    axes.pcolormesh(_edges(data.near_scale.values), _edges(data.distance.values), kind, cmap=_MAP, norm=_NORM)
    dashes = ("-", (0, (4, 1.5)), (0, (1, 1)))
    for place, time in enumerate(data.time.values):
        theory_line(
            axes,
            data.near_scale,
            data.monotonic_below.isel(time=place),
            color=PALETTE["ink"],
            linestyle=dashes[place % len(dashes)],
            label=f"$T={time:g}$",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(axis_label(data.near_scale))
    axes.set_ylabel(axis_label(data.distance))
    axes.legend(loc="lower right")


def _row(axes: Axes, data: xr.Dataset) -> None:
    r = data.near_scale.values
    shown = data.isel(near_scale=int(np.abs(np.log(r / 0.3)).argmin()))
    for place, (time, colour) in enumerate(zip(data.time.values, shades(data.sizes["time"]), strict=True)):
        for name, line in (("near_relative_start", "-"), ("near_peak", ":")):
            theory_line(axes, data.distance, shown[name].isel(time=place), color=colour, linestyle=line)
        theory_line(axes, [], [], color=colour, label=f"$T={time:g}$")
    handles = [*axes.get_legend_handles_labels()[0]]
    handles += [
        Line2D([], [], color=GREY, label=r"$F(0)/\max F$"),
        Line2D([], [], color=GREY, linestyle=":", label="$V$ of the peak"),
    ]
    lowest, highest = data.attrs["peak_range"]
    for level in (float(data.attrs["largest_start"]), float(lowest), float(highest)):
        guide(axes, y=level)
    axes.set_xscale("log")
    axes.set_xlabel(axis_label(data.distance))
    axes.set_ylabel(f"at $r={float(shown.near_scale):g}$")
    axes.legend(handles=handles, loc="center left")


def _areas(axes: Axes, data: xr.Dataset) -> None:
    colours = {name: pair[0] for name, pair in _COLOURS.items()}
    colours |= {"criterion": PALETTE["blue"], "other": GREY}
    names = {"criterion": "peak intermediate"}
    apart = np.linspace(-0.03, 0.03, data.sizes["kind"])
    for name, shift in zip(map(str, data.kind.values), apart, strict=True):
        part = data.sel(kind=name)
        theory_line(axes, data.weight_scale, part.area, color=colours[name], label=names.get(name, name))
        samples = part.drawn_area.transpose("weight_scale", "draw")
        points_over_seeds(axes, data.weight_scale * 10**shift, samples, color=colours[name])
    axes.set_xscale("log")
    axes.set_xlabel(axis_label(data.weight_scale))
    axes.set_ylabel(axis_label(data.area))
    axes.set_ylim(-0.03, 1.03)
    axes.legend(loc=(0.03, 0.12))


def _changes(axes: Axes, data: xr.Dataset) -> None:
    places = np.arange(data.sizes["panel"])
    colours = list(PALETTE.values())
    for place, name in enumerate(map(str, data.comparison.values)):
        for change, marker in (("shape", "o"), ("criterion", "x")):
            values = data.changed.sel(comparison=name, change=change)
            shift = 0.16 * (place - (data.sizes["comparison"] - 1) / 2)
            axes.plot(
                values,
                places + shift,
                marker,
                color=colours[place],
                markersize=4,
                fillstyle="none",
                markeredgewidth=0.9,
            )
    handles = [
        Line2D([], [], color=colours[place], label=name)
        for place, name in enumerate(map(str, data.comparison.values))
    ]
    for marker, label in (("o", "shape"), ("x", "peak intermediate or not")):
        handles.append(Line2D([], [], color=GREY, marker=marker, linestyle="", fillstyle="none", label=label))
    axes.legend(handles=handles, loc="lower right")
    axes.set_yticks(
        places, [f"({chr(ord('a') + place)}) {name}" for place, name in enumerate(data.panel.values)]
    )
    axes.invert_yaxis()
    axes.set_xlim(-0.02, None)
    axes.set_xlabel(axis_label(data.changed))
