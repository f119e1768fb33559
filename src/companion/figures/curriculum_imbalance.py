"""The figure of exposure imbalance: a rare operation beside a common one, and alone at the same rows per step."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from companion.analysis.statistics import kaplan_meier
from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds
from companion.figures.style import GREY, PALETTE, figure, shades
from companion.figures.unet_curves import short_number, step_axis

_PAIR_COLOURS = (PALETTE["blue"], PALETTE["vermilion"], PALETTE["green"])
_ROLE_COLOURS = {"common": PALETTE["orange"], "rare": PALETTE["plum"]}
_DASHES = {"together": "-", "alone": (0, (1, 1))}
_MARKERS = {"together": "o", "alone": "s"}
_STEPS = "training steps $t$"
_SHARE = "share $w$"


@described(
    title="A rare operation, beside a common one and alone",
    caption="The rare operation of a pair has a share $w$ of the rows of a batch, not fewer distinct examples. For "
    "each pair of operations (rows): (first panel) its test accuracy against steps and (second) against the rows of it "
    "that were seen; solid: beside the common operation (bands: 95 % bootstrap over seeds), dotted: alone, with "
    "$wB$ of the same rows per step. (Third) Test rows $(a,b)$ apart by whether $(b,a)$ was trained on (solid) or not "
    "(dashed); a commutative operation is answered on the former without knowing its rule. (Fourth) Accuracies of "
    "both operations at the end, test (filled) and training (open, dashed). Below, colours are pairs, filled circles "
    "trained together and open squares alone, means over seeds with 95 % bootstrap intervals: share of networks that "
    "have not generalised the rare operation of the first pair (Kaplan-Meier; test accuracy below .9); restricted mean "
    "of its time $T_{gen}$, in which networks that never get there count with the end (dashed); area under its test "
    "accuracy, a mean over $\\log t$ that nothing censors; and what company changes in the final test accuracy at the "
    "same rows per step, triangles: of the common operation, where both have a half. A last row, where drawn, has one "
    "colour for each width $d$, at its own learning rate $\\eta$: where rates differ, what differs between widths may "
    "be theirs. Shares, budgets and network are our settings.",
    equation=r"N(t)=wBt,\qquad T_\mathrm{gen}=\min\{t:A(t)\geq.9\},\qquad "
    r"\mathbb{E}\left[\min(T_\mathrm{gen},t_\mathrm{end})\right],\qquad "
    r"\frac{1}{\log t_\mathrm{end}}\int_1^{t_\mathrm{end}}A(t)\,d\log t",
    claims=["e4_q2_exposure", "e4_q2b_competition"],
)
def imbalance(data: xr.Dataset) -> Figure:
    """Curves of each pair, numbers against the share of the rare operation, a row of widths if there are several."""
    widths = list(dict.fromkeys(data.width.values.tolist()))
    main = data.isel(setting=np.flatnonzero(data.width.values == widths[0]))
    pairs = list(dict.fromkeys(main.pair.values.tolist()))
    count = len(pairs) + 1 + (len(widths) > 1)
    drawing, grid = figure("text", height=1.2 * count + 0.35, nrows=count, ncols=4, squeeze=False)
    for row, name in enumerate(pairs):
        _pair_row(grid[row], _pair(main, name))
    _share_row(grid[len(pairs)], main, pairs)
    if len(widths) > 1:
        _width_row(grid[-1], data, pairs, widths)
    _legend(drawing, main)
    letter_panels(grid.flat)
    return drawing


def _pair(data: xr.Dataset, name: str) -> xr.Dataset:
    """Settings of one pair, by falling share, with the replicates that it has."""
    kept = data.isel(setting=np.flatnonzero(data.pair.values == name))
    kept = kept.isel(setting=np.argsort(-kept.share.values, kind="stable"))
    return kept.isel(replicate=slice(int(kept.seeds.values.max())))


def _operation(own: xr.Dataset, role: str) -> str:
    """Name of the common or of the rare operation of one pair."""
    return str(own.pair.values[0]).split(" + ")[("common", "rare").index(role)]


def _pair_row(panels: np.ndarray, own: xr.Dataset) -> None:
    by_step, by_rows, mirrors, ends = panels
    tones = shades(own.sizes["setting"])
    for setting, tone in zip(range(own.sizes["setting"]), tones, strict=True):
        for company in ("together", "alone"):
            one = own.isel(setting=setting).sel(company=company)
            look: dict[str, Any] = {"color": tone, "linestyle": _DASHES[company], "linewidth": 1.0}
            for axes, at in ((by_step, one.step.values), (by_rows, one.exposure.values)):
                axes.plot(at, one.test.values, **look)
                if company == "together" and axes is by_step:
                    ends_of = np.clip([one.test_low.values, one.test_high.values], 0, 1)
                    axes.fill_between(at, *ends_of, color=tone, alpha=0.15, linewidth=0)
        together = own.isel(setting=setting).sel(company="together")
        mirrors.plot(together.step.values, together.seen.values, color=tone)
        mirrors.plot(together.step.values, together.unseen.values, color=tone, linestyle=(0, (3, 1.5)))
    exposure = own.exposure.values
    for axes, at in ((by_step, own.step.values), (by_rows, exposure), (mirrors, own.step.values)):
        axes.set_ylim(-0.03, 1.03)
        step_axis(axes, np.ravel(at))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(labelleft=axes is by_step)
    rare = _operation(own, "rare")
    by_step.set_ylabel(f"{rare} in {own.pair.values[0]}\ntest accuracy")
    by_step.set_xlabel(_STEPS)
    by_rows.set_xlabel(f"rows of {rare} seen $N(t)$")
    mirrors.set_xlabel(_STEPS)
    _final(ends, own)


def _final(axes: Axes, own: xr.Dataset) -> None:
    """Accuracies of both operations at the end against the share of the rare one."""
    together = own.sel(company="together")
    for role, colour in _ROLE_COLOURS.items():
        name = _operation(own, role)
        for variable, filled, dashes in (
            ("final_train", "white", (0, (3, 1.5))),
            ("final_test", colour, "-"),
        ):
            look = {"color": colour, "linestyle": dashes, "markerfacecolor": filled, "markeredgewidth": 0.6}
            label = name if variable == "final_test" else None
            values = _seeds(together[variable].sel(role=role))
            points_over_seeds(axes, own.share.values, values, label=label, markersize=2.5, **look)
    axes.set_ylim(-0.03, 1.03)
    _share_axis(axes, own.share.values)
    axes.set_ylabel("final accuracy")
    axes.legend(loc="lower right", fontsize=6)


def _share_row(panels: np.ndarray, main: xr.Dataset, pairs: list[str]) -> None:
    survival, times, areas, differences = panels
    _survival(survival, _pair(main, pairs[0]))
    end = float(main.attrs["steps"])
    for name, colour in zip(pairs, _PAIR_COLOURS, strict=False):
        own = _pair(main, name)
        _against_share(times, own, _restricted(own, end), colour, name)
        _against_share(areas, own, own.area.sel(role="rare"), colour, name)
        change = own.final_test.sel(company="together") - own.final_test.sel(company="alone")
        look = {"color": colour, "markersize": 3}
        points_over_seeds(
            differences, own.share.values, _seeds(change.sel(role="rare")), linestyle="-", **look
        )
        common = _seeds(change.sel(role="common"))
        known = ~np.isnan(common).all(axis=1)
        points_over_seeds(
            differences, own.share.values[known] * 1.12, common[known], **look | {"fmt": "^", "markersize": 4}
        )
    guide(times, y=end)
    times.set_ylim(0, 1.06 * end)
    times.set_ylabel("restricted mean\n$T_{gen}$ (steps)")
    areas.set_ylabel("area under\ntest accuracy")
    times.legend(loc="lower left", fontsize=6)
    guide(differences, y=0.0)
    differences.set_ylabel("together $-$ alone,\nfinal test accuracy")
    for axes in (times, areas, differences):
        _share_axis(axes, main.share.values)


def _width_row(panels: np.ndarray, data: xr.Dataset, pairs: list[str], widths: list[int]) -> None:
    """The same numbers for each width: of the first pair, and of the common operation of the last."""
    times, areas, finals, commons = panels
    end = float(data.attrs["steps"])
    for width, tone in zip(widths, shades(len(widths)), strict=True):
        sized = data.isel(setting=np.flatnonzero(data.width.values == width))
        first, last = _pair(sized, pairs[0]), _pair(sized, pairs[-1])
        label = rf"$d={width}$, $\eta={float(sized.learning_rate[0]):g}$"
        _against_share(times, first, _restricted(first, end), tone, label)
        _against_share(areas, first, first.area.sel(role="rare"), tone, label)
        _against_share(finals, first, first.final_test.sel(role="rare"), tone, label)
        together = last.final_test.sel(role="common", company="together")
        points_over_seeds(commons, last.share.values, _seeds(together), color=tone, linestyle="-")
    guide(times, y=end)
    times.set_ylim(0, 1.06 * end)
    times.set_ylabel(f"{pairs[0]}\n" + r"restricted mean $T_{gen}$")
    areas.set_ylabel("area under\ntest accuracy")
    times.legend(loc="lower left", fontsize=6)
    finals.set_ylabel("final test accuracy")
    commons.set_ylabel(f"final test accuracy\nof the common one, {pairs[-1]}")
    for axes in (finals, commons):
        axes.set_ylim(-0.03, 1.03)
    for axes in panels:
        _share_axis(axes, data.share.values)


def _restricted(own: xr.Dataset, end: float) -> xr.DataArray:
    """min(T_gen, end) of the rare operation: its mean is the restricted mean, as all are watched up to the end."""
    times = own.generalised_at.sel(role="rare")
    return times.where(np.isnan(times) | (times < end), end)


def _against_share(axes: Axes, own: xr.Dataset, values: xr.DataArray, colour: str, label: str) -> None:
    """Means over seeds of the rare operation's ``values``, together and alone, against its share."""
    for company, filled in (("together", colour), ("alone", "white")):
        look: dict[str, Any] = {"color": colour, "markerfacecolor": filled, "markeredgewidth": 0.6}
        look |= {"fmt": _MARKERS[company], "linestyle": _DASHES[company], "markersize": 3}
        named = label if company == "together" else None
        points_over_seeds(axes, own.share.values, _seeds(values.sel(company=company)), label=named, **look)


def _seeds(values: xr.DataArray) -> np.ndarray:
    return values.transpose("setting", "replicate").values


def _survival(axes: Axes, own: xr.Dataset) -> None:
    """Share of networks that have not generalised the rare operation yet, by step."""
    end = float(own.attrs["steps"])
    for setting, tone in enumerate(shades(own.sizes["setting"])):
        for company in ("alone", "together"):
            times = own.generalised_at.isel(setting=setting).sel(company=company, role="rare").values
            known = times[~np.isnan(times)]
            if not known.size:
                continue
            curve = kaplan_meier(np.minimum(known, end), np.isfinite(known))
            at = np.concatenate(([0.0], curve.times, [end]))
            heights = np.concatenate(([1.0], curve.probability, curve.probability[-1:]))
            width = 1.2 if company == "together" else 1.0
            axes.step(at, heights, where="post", color=tone, linestyle=_DASHES[company], linewidth=width)
    axes.set_xlim(0, end)
    axes.set_ylim(-0.03, 1.05)
    axes.set_xlabel(_STEPS)
    axes.set_ylabel(f"{_operation(own, 'rare')} in {own.pair.values[0]}\nnot generalised")


def _share_axis(axes: Axes, shares: np.ndarray) -> None:
    axes.set_xscale("log")
    given = sorted(set(shares.tolist()))
    axes.set_xlim(given[0] / 1.25, given[-1] * 1.25)
    axes.xaxis.set_major_locator(FixedLocator(given))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(short_number))
    axes.set_xlabel(_SHARE)


def _legend(drawing: Figure, main: xr.Dataset) -> None:
    shares = sorted(set(main.share.values.tolist()), reverse=True)
    tones = shades(len(shares))
    handles = [
        Line2D([], [], color=tone, label=f"$w={share:g}$") for tone, share in zip(tones, shares, strict=True)
    ]
    ink = PALETTE["ink"]
    handles += [
        Line2D([], [], color=ink, label="together"),
        Line2D([], [], color=ink, linestyle=_DASHES["alone"], label="alone"),
        Line2D([], [], color=ink, linestyle=(0, (3, 1.5)), label="mirror unseen / training"),
        Line2D([], [], color=GREY, linestyle=(0, (4, 2)), linewidth=0.6, label="end, or no change"),
    ]
    drawing.legend(handles=handles, loc="outside upper center", ncols=len(handles))
