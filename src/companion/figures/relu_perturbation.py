"""Figure of noise on fixed points of two-layer ReLU networks: how far runs end, and where."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds
from companion.figures.style import GREY, PALETTE, axis_label, figure

# Kinds of fixed points: what they are, colour and marker.
_KINDS = {
    "I": ("I($p$), $K=M$", PALETTE["blue"], "o"),
    "padded": ("with a silent unit", PALETTE["orange"], "^"),
    "split": ("with a split unit", PALETTE["vermilion"], "s"),
    "S": ("S($p$), $K=M+1$", PALETTE["green"], "D"),
    "X": ("X($p$), $K=M+1$", PALETTE["plum"], "v"),
}
_DASHES = ("-", (0, (3, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
# Destinations from the bottom of a bar to its top: name, colour, hatch.
_DESTINATIONS = {
    "back": ("back at the point", PALETTE["blue"], ""),
    "S": ("an S($p$) or T($q$)", PALETTE["green"], ""),
    "X": ("an X($p$)", PALETTE["plum"], ""),
    "I": ("another I($p$) or II($q$)", PALETTE["sky"], ""),
    "none": ("no family", PALETTE["vermilion"], ""),
    "global": ("global minimum", "#DDDDDD", ""),
    "unconverged": ("unconverged", "white", "//////"),
}


@described(
    title="Noise on fixed points: return or escape",
    caption="Noise $N(0,\\sigma^2)$ on every weight of a fixed point, and descent: (a) root mean square distance per "
    "weight to the point after 1000 steps of 0.01, as published, over $\\sigma$ (means over draws of noise, 95 % "
    "bootstrap intervals); (b) the same distance after convergence, medians of the runs that are back at the very "
    "point (filled) and of those that left it (hollow), since a mean of both would describe neither; (c) where "
    "converged runs are, in shares of the draws, one bar per $\\sigma$. Stars: points that are saddles. Rows have norm "
    "one ($\\sigma\\sqrt{d}$ for rows of norm $\\sqrt{d}$). Solid and broken lines: fewest flipped units, and more.",
    equation=r"W_0=W_*+\sigma\,\xi,\qquad \mathrm{distance}=\|W-W_*\|_F/\sqrt{KD}",
)
def perturbation(fates: xr.Dataset) -> Figure:
    """Ratio after 1000 steps (left), distances at convergence by fate (middle), destinations (right)."""
    height = 2.55 + 0.09 * max(fates.sizes["point"] - 6, 0)
    drawing, panels = figure("text", height=height, ncols=3, width_ratios=[1.0, 1.0, 1.35])
    for name in map(str, fates.point.values):
        _draw_distances(panels[0], panels[1], fates.sel(point=name), _style(fates, name))
    sigma = fates.sigma
    for axes in panels[:2]:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(axis_label(sigma))
    panels[0].set_ylabel(r"distance after 1000 steps $/\,\sigma$")
    panels[1].set_ylabel(axis_label(fates.final))
    guide(panels[0], y=1.0)
    panels[1].plot(sigma, sigma, color=GREY, linewidth=0.6, linestyle=(0, (4, 2)), zorder=1.0)
    _draw_destinations(panels[2], fates)
    kinds = [_KINDS[kind] for kind in _KINDS if kind in {_kind(str(name)) for name in fates.point.values}]
    marks = [Line2D([], [], color=colour, marker=marker, label=label) for label, colour, marker in kinds]
    found = _shares(fates)
    patches = [
        Patch(facecolor=colour, edgecolor=GREY, linewidth=0.3, hatch=hatch, label=label)
        for key, (label, colour, hatch) in _DESTINATIONS.items()
        if found[key].any()
    ]
    drawing.legend(handles=marks, loc="outside lower left", ncols=3)
    drawing.legend(handles=patches, loc="outside lower right", ncols=2)
    letter_panels(panels)
    return drawing


def _draw_distances(left: Axes, middle: Axes, member: xr.Dataset, style: dict) -> None:
    sigma = member.sigma.values
    points_over_seeds(left, sigma, member.published.values / sigma[:, None], fmt="", **style)
    for back, face in ((True, style["color"]), (False, "white")):
        chosen = member.returned.values == back
        here = chosen.any(axis=1)
        medians = [
            np.median(row[part]) for row, part in zip(member.final.values, chosen, strict=True) if part.any()
        ]
        middle.plot(sigma[here], medians, **style, markerfacecolor=face, markeredgewidth=0.6, zorder=3.0)


def _style(fates: xr.Dataset, name: str) -> dict:
    """Colour and marker by kind; lines by the number of flipped units among the points of that kind."""
    _, colour, marker = _KINDS[_kind(name)]
    alike = [str(other) for other in fates.point.values if _kind(str(other)) == _kind(name)]
    rank = sorted(_flipped(other) for other in alike).index(_flipped(name))
    return {"color": colour, "marker": marker, "linestyle": _DASHES[rank % len(_DASHES)], "linewidth": 0.7}


def _draw_destinations(axes: Axes, fates: xr.Dataset) -> None:
    """One row per point, one bar per sigma, stacked by destination."""
    columns = np.arange(fates.sizes["sigma"])
    names = [str(name) for name in fates.point.values]
    shares = _shares(fates)
    for row in range(len(names)):
        bottom = np.full(len(columns), len(names) - 1.0 - row)
        for key, (_, colour, hatch) in _DESTINATIONS.items():
            height = 0.8 * shares[key][row]
            axes.bar(columns, height, 0.86, bottom, color=colour, edgecolor=GREY, linewidth=0.3, hatch=hatch)
            bottom += height
    labels = [
        name if minimum else f"{name} *" for name, minimum in zip(names, fates.is_minimum.values, strict=True)
    ]
    axes.set_yticks(len(names) - 0.6 - np.arange(len(names)), labels, fontsize=6)
    shown = columns[:: max(1, -(-len(columns) // 5))]
    axes.set_xticks(shown, [_power(float(fates.sigma[column])) for column in shown])
    axes.tick_params(length=0)
    axes.set_xlim(-0.6, len(columns) - 0.4)
    axes.set_ylim(-0.1, len(names))
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xlabel(axis_label(fates.sigma))


def _power(value: float) -> str:
    exponent = int(np.floor(np.log10(value) + 1e-9))
    digits = value / 10.0**exponent
    return f"$10^{{{exponent}}}$" if abs(digits - 1) < 1e-6 else rf"${digits:.2g}\cdot10^{{{exponent}}}$"


def _shares(fates: xr.Dataset) -> dict[str, np.ndarray]:
    """Share of the draws by destination, (point, sigma) each."""
    label, returned = fates.label.values.astype(str), fates.returned.values.astype(bool)
    where = np.vectorize(_destination, otypes=[str])(label)
    where[returned] = "back"
    return {key: (where == key).mean(axis=-1) for key in _DESTINATIONS}


def _destination(label: str) -> str:
    if label in ("global", "unconverged"):
        return label
    kind = label.partition("(")[0]
    return {"S": "S", "X": "X", "T": "S", "I": "I", "II": "I"}.get(kind, "none")


def _kind(name: str) -> str:
    last = name.rpartition(" ")[2]
    return last if last in ("padded", "split") else name.partition("(")[0]


def _flipped(name: str) -> int:
    return int(name.partition("(")[2].partition(")")[0])
