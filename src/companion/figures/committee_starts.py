"""Figure of starts that decide how two units share one task."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, theory_line
from companion.figures.style import PALETTE, axis_label, figure, shades

_LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
_LARGEST_ERROR = 1e-4
_LARGEST_NORM = 1.0
#: Errors below are drawn here, so that the axis stays readable.
_LEAST_ERROR = 1e-8
#: Single draws that are drawn; more hide each other.
_SHOWN = 6
_SHORT = r"$S_\mathrm{use}$"
_QUARTERS = {"$0$": 0.0, r"$\pi/8$": np.pi / 8, r"$\pi/4$": np.pi / 4}


@described(
    title="The start decides who does the work",
    caption="Two students and one teacher unit at the end of the task. (a-c) Mean $S_\\mathrm{use}$ over draws of "
    "the weights against angle and norm of the readouts, one panel for each $\\sigma_w$; white: where the linear "
    "law $c_k\\propto h_k(0)^2$, which knows the angle alone, says .9, .7, .5, .3, .1; dashed: $r=1$. (d) Its "
    "standard deviation over draws at the largest $\\sigma_w$. (e) $S_\\mathrm{use}$ for $d\\to\\infty$ and small "
    "weights by norm $r$, and the linear law (black); dotted: a norm above 1. (f) Error of the same runs; dashed: "
    "the largest that is allowed. (g) Draws at the largest $\\sigma_w$ (thin: the first six) and the mean of all. "
    "(h) $S_\\mathrm{use}$ from one start against the learning rate of the weights, with that of the readouts fixed "
    "or the same.",
    equation=r"h=r(\cos\theta,\sin\theta),\qquad S_\mathrm{use}=1-\frac{H(p)}{\log K},\qquad "
    r"p_k\propto|h_k|\sqrt{Q_{kk}}",
    claims=["p3_a_start_decides", "p3_b1_entropy_one_unit"],
)
def starts(data: xr.Dataset) -> Figure:
    """Maps of S_use and its spread, S_use and error against the angle, single draws, learning rates."""
    scales = data.sizes["map_weight_scale"]
    drawing, grid = figure("text", height=3.5, nrows=2, ncols=max(scales + 1, 4))
    used = [*grid[0, : scales + 1], *grid[1, :4]]
    for axes in grid.flat:
        axes.set_visible(any(axes is each for each in used))
    _maps(drawing, grid[0, :scales], data)
    _spread(drawing, grid[0, scales], data)
    table, errors, draws, rates = grid[1, :4]
    handles = _table(table, errors, data)
    handles += _draws(draws, data)
    drawing.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    _rates(rates, data)
    letter_panels(used)
    return drawing


def _maps(drawing: Figure, panels: np.ndarray, data: xr.Dataset) -> None:
    ends = data.map_readout_scale.values[[0, -1]]
    mesh = None
    for place, axes in enumerate(panels):
        part = data.isel(map_weight_scale=place)
        mesh = axes.pcolormesh(
            data.map_angle, data.map_readout_scale, part.map_mean, vmin=0, vmax=1, shading="nearest"
        )
        law = np.tile(data.law.values, (2, 1))
        axes.contour(data.angle, ends, law, levels=_LEVELS, colors="white", linewidths=0.6)
        axes.set_title(_weights(float(part.map_weight_scale)), loc="right")
        _over_map(axes, data)
        if place:
            axes.set_yticklabels([])
    if mesh is not None:
        drawing.colorbar(mesh, ax=panels, fraction=0.03, pad=0.01).set_label(axis_label(data.map_mean))
    panels[0].set_ylabel(axis_label(data.map_readout_scale))


def _spread(drawing: Figure, axes: Axes, data: xr.Dataset) -> None:
    part = data.isel(map_weight_scale=int(data.map_weight_scale.values.argmax()))
    mesh = axes.pcolormesh(
        data.map_angle, data.map_readout_scale, part.map_spread, vmin=0, cmap="magma", shading="nearest"
    )
    axes.set_title(_weights(float(part.map_weight_scale)), loc="right")
    _over_map(axes, data)
    drawing.colorbar(mesh, ax=axes, fraction=0.09, pad=0.03).set_label("standard deviation")


def _weights(scale: float) -> str:
    exponent = np.log10(scale)
    whole = scale < 0.01 and abs(exponent - round(exponent)) < 1e-9
    return rf"$\sigma_w=10^{{{round(exponent)}}}$" if whole else rf"$\sigma_w={scale:g}$"


def _over_map(axes: Axes, data: xr.Dataset) -> None:
    if float(data.map_readout_scale[-1]) > _LARGEST_NORM:
        axes.axhline(_LARGEST_NORM, color="white", linewidth=0.7, linestyle=(0, (4, 2)))
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.set_ylim(float(data.map_readout_scale[0]), float(data.map_readout_scale[-1]))
    _over_angles(axes, data)


def _over_angles(axes: Axes, data: xr.Dataset) -> None:
    axes.set_xticks(list(_QUARTERS.values()), list(_QUARTERS))
    axes.set_xlabel(axis_label(data.angle))


def _table(axes: Axes, errors: Axes, data: xr.Dataset) -> list[Line2D]:
    law = theory_line(axes, data.angle, data.law, color=PALETTE["ink"], linewidth=0.8, label="linear law")
    handles = [law]
    norms = data.readout_scale.values
    few = norms <= _LARGEST_NORM
    colours = iter(shades(int(few.sum())))
    for norm, usual in zip(norms, few, strict=True):
        part = data.sel(readout_scale=norm)
        look = {"color": next(colours)} if usual else {"color": PALETTE["vermilion"], "linestyle": ":"}
        handles.append(theory_line(axes, data.angle, part.usage, label=f"$r={norm:g}$", **look))
        theory_line(errors, data.angle, np.maximum(part.error, _LEAST_ERROR), **look)
    axes.set_ylabel(axis_label(data.usage))
    errors.set_yscale("log")
    errors.set_ylim(_LEAST_ERROR, 1e-3)
    errors.set_yticks([1e-8, 1e-6, 1e-4])
    guide(errors, y=_LARGEST_ERROR)
    errors.minorticks_off()
    errors.set_ylabel(axis_label(data.error))
    for panel in (axes, errors):
        _over_angles(panel, data)
    return handles


def _draws(axes: Axes, data: xr.Dataset) -> list[Line2D]:
    part = data.isel(weight_scale=int(data.weight_scale.values.argmax()))
    for draw in range(min(part.sizes["draw"], _SHOWN)):
        usage = part.drawn_usage.isel(draw=draw)
        axes.plot(data.few_angle, usage, color=PALETTE["sky"], linewidth=0.5, zorder=1)
    axes.plot(data.few_angle, part.drawn_usage.mean("draw"), color=PALETTE["blue"], linewidth=1.4, zorder=2)
    axes.set_title(_weights(float(part.weight_scale)), loc="right")
    axes.set_ylabel(_SHORT)
    axes.set_ylim(-0.02, 1.02)
    _over_angles(axes, data)
    return [
        Line2D([], [], color=PALETTE["sky"], linewidth=0.7, label="one draw"),
        Line2D([], [], color=PALETTE["blue"], linewidth=1.4, label="mean of draws"),
    ]


def _rates(axes: Axes, data: xr.Dataset) -> None:
    labels = {"one": "$e_h=1$", "as the weights": "$e_h=e_w$"}
    for name, colour in (("one", PALETTE["blue"]), ("as the weights", PALETTE["orange"])):
        part = data.sel(readout_rate=name)
        theory_line(axes, data.learning_rate, part.rate_usage, color=colour, label=labels[name])
    axes.set_xscale("log", base=2)
    axes.xaxis.set_minor_formatter(NullFormatter())
    ticks = [rate for rate in (0.25, 1.0, 4.0, 16.0) if rate <= float(data.learning_rate.max())]
    axes.set_xticks(ticks, [f"${rate:g}$" for rate in ticks])
    axes.set_xlabel(axis_label(data.learning_rate))
    axes.set_ylabel(_SHORT)
    axes.set_title(rf"$\theta={data.attrs['rate_angle']:g}$", loc="right")
    axes.set_ylim(-0.02, 1.02)
    axes.legend(loc="upper right")
