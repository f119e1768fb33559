"""The figure of a data-starved operation beside partners of every kind."""

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.analysis.statistics import bootstrap_band
from companion.compute.seeds import generator
from companion.figures.described import described
from companion.figures.marks import letter_panels, simulation_points
from companion.figures.style import GREY, PALETTE, axis_label, figure
from companion.figures.unet_curves import step_axis

_COLOURS: Final = {
    "none": GREY,
    "add": PALETTE["blue"],
    "mul": PALETTE["vermilion"],
    "max": PALETTE["orange"],
    "shuffled add": PALETTE["plum"],
    "private add": PALETTE["sky"],
}
_SPARE: Final = (PALETTE["green"], PALETTE["ink"])
_DASHES: Final = {"shuffled": (0, (3, 1.2)), "private": (0, (1, 1.1))}


def partner_look(partner: str, place: int = 0) -> dict[str, Any]:
    """Colour and line of a partner, the same in every figure; ``place`` chooses the colour of one without its own."""
    dashes = _DASHES.get(partner.split(" ")[0], "-")
    return {"color": _COLOURS.get(partner, _SPARE[place % len(_SPARE)]), "linestyle": dashes}


@described(
    title="A partner for an operation with too few examples",
    caption="Subtraction modulo $p$, of whose table the share $f$ is trained on, beside partners of which more is: an "
    "operation diagonal in the same characters (add), in others (mul), in none (max); addition with all its numbers "
    "permuted (shuffled), as hard and unrelated; addition with number tokens of its own (private), which cannot share "
    "an embedding. In all of them half of a batch, on average, are the target's, and exactly as many without "
    "a partner (none). Left: its test accuracy, seeds (thin) and their mean (thick), in a training of the budget that "
    "the panel names; the learning rate falls to 0 over its last 30 %. Middle: mean of the last three evaluations; "
    "dots are seeds, diamonds their means with 95 % bootstrap intervals. Right: the same for test rows $(a,b)$ apart "
    "by whether $(b,a)$ was trained on (filled) or not (open): a rule answers both alike, antisymmetry only the "
    "former. Crosses: training rows. One row of panels for each share $f$ and budget. Operations and budgets are our "
    "settings.",
    equation=r"c=a-b\ \mathrm{mod}\ p,\qquad a-b\equiv-(b-a),\qquad "
    r"\bar A=\frac13\sum_{i=1}^3A_\mathrm{test}(t_{n+1-i})",
    claims=["e4_q4_compatible"],
)
def compatibility(data: xr.Dataset) -> Figure:
    """A row of curves, ends and mirror halves for each fraction and budget."""
    names = list(dict.fromkeys(data.partner.values.tolist()))
    cells = list(dict.fromkeys(zip(data.fraction.values.tolist(), data.budget.values.tolist(), strict=True)))
    drawing, grid = figure(
        "text",
        height=0.35 + 2.0 * len(cells),
        nrows=len(cells),
        ncols=3,
        squeeze=False,
        width_ratios=(1.25, 1, 1),
    )
    for panels, (fraction, budget) in zip(grid, cells, strict=True):
        same = np.isclose(data.fraction.values, fraction) & (data.budget.values == budget)
        own = data.isel(setting=np.flatnonzero(same))
        _curves(panels[0], own, names, fraction, budget)
        _ends(panels[1], own, names)
        _mirrors(panels[2], own, names)
    handles = [Line2D([], [], label=name, **partner_look(name, place)) for place, name in enumerate(names)]
    drawing.legend(handles=handles, loc="outside upper center", ncols=len(handles), handlelength=2.2)
    letter_panels(grid.flat)
    return drawing


def _curves(axes: Axes, own: xr.Dataset, names: list[str], fraction: float, budget: int) -> None:
    for setting in range(own.sizes["setting"]):
        one = own.isel(setting=setting)
        name = str(one.partner.item())
        look = partner_look(name, names.index(name))
        known = np.isfinite(one.step.values)
        at, runs = one.step.values[known], one.test.transpose("replicate", "point").values[:, known]
        axes.plot(at, runs.T, color=look["color"], linewidth=0.4, alpha=0.5, zorder=1.8)
        axes.plot(at, runs.mean(axis=0), **look, linewidth=1.3, zorder=2.4)
    step_axis(axes, own.step.values[np.isfinite(own.step.values)])
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel(axis_label(own.step))
    axes.set_ylabel(f"test accuracy of {own.attrs.get('target', 'sub')}")
    axes.set_title(f"$f={fraction:g}$, {budget} steps")


def _ends(axes: Axes, own: xr.Dataset, names: list[str]) -> None:
    for setting in range(own.sizes["setting"]):
        one = own.isel(setting=setting)
        name = str(one.partner.item())
        place, colour = names.index(name), partner_look(name, names.index(name))["color"]
        _strip(axes, place, one.final_test.values, colour, "D", filled=True)
    _partner_axis(axes, names)
    axes.set_ylabel(axis_label(own.final_test))


def _mirrors(axes: Axes, own: xr.Dataset, names: list[str]) -> None:
    for setting in range(own.sizes["setting"]):
        one = own.isel(setting=setting)
        name = str(one.partner.item())
        place, colour = names.index(name), partner_look(name, names.index(name))["color"]
        _strip(axes, place - 0.18, one.final_seen.values, colour, "o", filled=True)
        _strip(axes, place + 0.18, one.final_unseen.values, colour, "o", filled=False)
        train = float(one.final_train.values.mean())
        axes.plot([place], [train], "x", color=colour, markersize=4, markeredgewidth=0.9, zorder=3)
    _partner_axis(axes, names)
    axes.set_ylabel("final accuracy, mirror halves")


def _strip(axes: Axes, x: float, values: np.ndarray, colour: str, marker: str, *, filled: bool) -> None:
    """Seeds as small dots in a row, and their mean with its bootstrap interval."""
    shift = np.linspace(-0.1, 0.1, values.size) if values.size > 1 else np.zeros(1)
    axes.plot(x + shift, values, ".", color=colour, markersize=2.5, markeredgewidth=0, alpha=0.7, zorder=2)
    low, high = bootstrap_band(values, generator=generator(0, "error bars"))
    look: dict[str, Any] = {"color": colour, "fmt": marker, "markersize": 3.5, "markeredgewidth": 0.8}
    look |= {"markerfacecolor": colour if filled else "white"}
    simulation_points(axes, [x], [values.mean()], [low], [high], **look)


def _partner_axis(axes: Axes, names: list[str]) -> None:
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xticks(range(len(names)), [name.replace(" ", "\n") for name in names], fontsize=6)
