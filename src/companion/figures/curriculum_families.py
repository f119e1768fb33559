"""The figure of compositions and of permutations: what is learned of rows, of pairs never met, and of products."""

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.beside import beside, taken_out
from companion.figures.described import described
from companion.figures.marks import letter_panels
from companion.figures.seed_times import seed_times
from companion.figures.style import GREY, PALETTE, axis_label, figure

_PRODUCTS: Final = "group"
_TREATMENTS: Final = (("blue", "o"), ("vermilion", "s"))
_COMPANIES: Final = (("ink", "o"), ("green", "s"), ("orange", "D"), ("plum", "v"))
_DASHES: Final = (0, (3, 1.2))
_LEGEND: Final = 6


@described(
    title="Compositions, and products of permutations",
    caption="Left: $(a\\,\\mathrm{op}_1\\,b)\\,\\mathrm{op}_2\\,c$ modulo a small prime for all pairs of a few "
    "operations but some, directly (blue) and with a first share of the same number of steps on the "
    "operations alone (red, up to the dotted line). (a) Accuracy on new rows of the pairs that are "
    "trained on: thin, seeds; thick, their mean; dashed, mean on their training rows. (b) Accuracy at "
    "the end on new rows of those pairs and on each pair that was never met, named "
    "$\\mathrm{op}_2(\\mathrm{op}_1)$: dots are seeds, wide marks their means; grey: always giving the "
    "commonest answer. Right: products $g\\circ h$ in $S_n$ whose elements are opaque tokens, alone "
    "(black) and beside an easy question about $g$ (colours), with as many rows of the product per "
    "step. (c) Accuracy on products: test rows (solid; thin, seeds) and training rows (dashed, means). "
    "(d) First evaluation with 90 % of the training rows (filled) and of the test rows (open) of each "
    "seed; triangles: not within these steps. Primes, shares and steps are our settings.",
    equation=r"c\mapsto(a\;\mathrm{op}_1\;b)\;\mathrm{op}_2\;c,\qquad (g\circ h)(i)=g(h(i))",
)
def families(data: xr.Dataset) -> Figure:
    """Curves and ends of compositions, curves and times of products, which `with_products` put beside them."""
    drawing, panels = figure("text", height=2.5, ncols=4, width_ratios=(1.1, 1, 1.1, 0.8))
    rows, ends, products, times = panels
    group = taken_out(data, _PRODUCTS)
    if group is None:
        raise ValueError("data: compositions alone given; allowed: with products beside them")
    group = group.assign_attrs(steps=data.attrs["group_steps"])
    for place, (colour, marker) in zip(range(data.sizes["treatment"]), _TREATMENTS, strict=True):
        own = data.isel(treatment=place)
        name = str(data.treatment.values[place])
        _curves(rows, own.rows, own.known, PALETTE[colour], name)
        _ends(ends, own, PALETTE[colour], marker, 0.24 * (place - 0.5))
    rows.axvline(data.attrs["switch"], color=GREY, linewidth=0.8, linestyle=":", zorder=1.0)
    rows.set_ylabel("accuracy, pairs trained on")
    _pair_axis(ends, data)
    for place, (colour, marker) in zip(range(group.sizes["company"]), _COMPANIES, strict=False):
        own = group.isel(company=place)
        _curves(
            products, own.product_test, own.product_train, PALETTE[colour], str(group.company.values[place])
        )
        reached = [own[each].values for each in ("memorised", "generalised")]
        seed_times(times, place, reached, PALETTE[colour], marker, float(group.attrs["steps"]))
    products.set_ylabel(f"accuracy, products in $S_{data.attrs['group_degree']}$")
    _company_axis(times, group)
    for axes in (rows, products):
        axes.set_ylim(-0.03, 1.05)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize=_LEGEND)
    letter_panels(panels)
    return drawing


def with_products(composed: xr.Dataset, products: xr.Dataset) -> xr.Dataset:
    """``composed`` (`composed_pairs`) and ``products`` (`permutation_products`) as the figure takes them."""
    joined = beside(composed, products, _PRODUCTS)
    return joined.assign_attrs(group_degree=products.attrs["degree"], group_steps=products.attrs["steps"])


def _curves(axes: Axes, test: xr.DataArray, train: xr.DataArray, colour: str, name: str) -> None:
    """Seeds and mean of new rows, and the mean of training rows, against steps."""
    runs = test.transpose("step", "replicate").values
    steps = test.step.values
    axes.plot(steps, runs, color=colour, linewidth=0.45, alpha=0.5, zorder=1.8)
    axes.plot(steps, runs.mean(axis=1), color=colour, linewidth=1.3, zorder=2.4, label=name)
    axes.plot(
        steps, train.mean("replicate").values, color=colour, linewidth=0.8, linestyle=_DASHES, zorder=2.2
    )
    axes.set_xlim(0, float(steps[-1]))
    axes.set_xlabel(axis_label(test.step))


def _ends(axes: Axes, own: xr.Dataset, colour: str, marker: str, shift: float) -> None:
    """Seeds at the end in a row of dots for the trained pairs and for each new one, means as wide marks."""
    values = np.concatenate(
        [own.final_rows.values[None], own.final_pair.transpose("pair", "replicate").values]
    )
    at = np.arange(len(values))[:, None] + shift
    spread = np.linspace(-0.06, 0.06, values.shape[1]) if values.shape[1] > 1 else np.zeros(1)
    look: dict[str, Any] = {"color": colour, "linestyle": "", "zorder": 3.0}
    axes.plot((at + spread).T, values.T, marker, markersize=2.4, markeredgewidth=0, alpha=0.8, **look)
    axes.hlines(values.mean(axis=1), at[:, 0] - 0.11, at[:, 0] + 0.11, color=colour, linewidth=1.4)


def _pair_axis(axes: Axes, data: xr.Dataset) -> None:
    for place, chance in enumerate(data.chance.values.tolist(), start=1):
        axes.hlines(chance, place - 0.42, place + 0.42, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)))
    axes.axvline(0.5, color=GREY, linewidth=0.5)
    names = ["trained", *(str(name) for name in data.pair.values)]
    axes.set_xticks(range(len(names)), names, fontsize=6, rotation=35, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(-0.03, 1.05)
    axes.set_ylabel("final accuracy, new rows")


def _company_axis(axes: Axes, group: xr.Dataset) -> None:
    names = [str(name) for name in group.company.values]
    axes.set_xticks(range(len(names)), names, fontsize=6)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(0, 1.1 * float(group.attrs["steps"]))
    axes.set_ylabel("steps to 90 %")
    ink = PALETTE["ink"]
    handles = [
        Line2D([], [], color=ink, marker="o", linestyle="", markersize=3.2, label="training rows"),
        Line2D(
            [],
            [],
            color=ink,
            marker="o",
            linestyle="",
            markersize=3.2,
            markerfacecolor="white",
            label="test rows",
        ),
    ]
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.14), fontsize=_LEGEND)
