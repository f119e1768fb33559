"""The figure of what two operations share inside one network."""

from typing import Any, Final

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.analysis.statistics import bootstrap_band
from companion.compute.seeds import generator
from companion.figures.curriculum_compatibility import partner_look
from companion.figures.described import described
from companion.figures.marks import guide, letter_panels
from companion.figures.style import PALETTE, axis_label, figure
from companion.figures.unet_curves import step_axis

_THIN: Final[dict[str, Any]] = {"linewidth": 0.6}
_BASES: Final = ("additive", "multiplicative")


@described(
    title="What two operations share inside a network",
    caption="Subtraction with a small share of its table, beside a partner (colour; see the figure of partners): means "
    "over seeds with 95 % bootstrap intervals, a little apart, at the checkpoints of the same trainings. (a) Linear "
    "CKA between the residual streams at $=$ of both operations for the same pairs $(a,b)$ (thick) and, debiased, "
    "between their means for the same answers (thin); (b) of subtraction's stream with its own at the end. (c) Cosine "
    "between the gradient of the partner's loss on its training rows and that of subtraction's loss on its test rows "
    "(thick; above 0 a step for the partner lowers it) and on its training rows (thin); (d) the same for the weights "
    "of the embedding alone. (e) Share of the five strongest frequencies in the embedding of the numbers, over Z$_p$ "
    "(circles) and over its units (open squares), and (f) the shares of all frequencies at the end, strongest first in "
    "each seed, which need not be the same ones. (g) Cross-validated accuracy of a linear probe of subtraction's "
    "stream after the last block, over its whole table, for the answer, and (h) for the operands $a$ (thick) and $b$ "
    "(thin); dashed: chance.",
    equation=r"\mathrm{CKA}(X,Y)=\frac{\|Y^\top X\|_F^2}{\|X^\top X\|_F\,\|Y^\top Y\|_F},\qquad "
    r"P_k\propto\Big\|\sum_a W_a\,e^{-2\pi\mathrm{i}ka/p}\Big\|^2",
)
def sharing(data: xr.Dataset) -> Figure:
    """Alignments of streams and of gradients, characters of the embedding, and probes, a colour for each partner."""
    drawing, grid = figure("text", height=4.1, nrows=2, ncols=4)
    between, to_final, gradients, embedding, shares, spectra, answer, operands = grid.ravel()
    for place, name in enumerate(data.partner.values.tolist()):
        one = data.isel(partner=place)
        look, shift = partner_look(name, place), 1.04 ** (place - (data.sizes["partner"] - 1) / 2)
        _curve(between, one.between, look, shift)
        _curve(between, one.by_answer, look | _THIN, shift)
        _curve(to_final, one.to_final, look, shift)
        for axes, cosines in ((gradients, one.gradient_cosine), (embedding, one.embedding_cosine)):
            _curve(axes, cosines.sel(rows="test"), look, shift)
            _curve(axes, cosines.sel(rows="train"), look | _THIN, shift)
        _spectra(shares, spectra, one, look, shift)
        probe = one.probe.isel(layer=-1)
        _curve(answer, probe.sel(read="answer"), look, shift)
        _curve(operands, probe.sel(read="a"), look, shift)
        _curve(operands, probe.sel(read="b"), look | _THIN, shift)
    for axes, text in ((answer, "probe of the answer"), (operands, "probes of the operands")):
        axes.set_ylim(-0.03, 1.03)
        axes.set_ylabel(text)
        guide(axes, y=1 / data.attrs["prime"])
    for axes, text in ((between, "CKA, sub and partner"), (to_final, "CKA, now and at the end")):
        axes.set_ylim(None, 1.03)
        axes.set_ylabel(text.replace("sub", data.attrs.get("target", "sub")))
    for axes, text in ((gradients, "cosine of gradients"), (embedding, "the same, embedding only")):
        axes.set_ylabel(text)
    for axes in (between, gradients, embedding):
        guide(axes, y=0.0)
    shares.set_ylabel(axis_label(data.share))
    shares.set_ylim(None, 1.03)
    for axes in (between, to_final, gradients, embedding, shares, answer, operands):
        step_axis(axes, data.step.values)
        axes.set_xlabel(axis_label(data.step))
    spectra.set_xlabel(axis_label(data["rank"]))
    spectra.set_ylabel(axis_label(data.power))
    _legend(drawing, data.partner.values.tolist())
    letter_panels(grid.flat)
    return drawing


def _curve(axes: Axes, values: xr.DataArray, look: dict[str, Any], shift: float = 1.0) -> None:
    """Mean over seeds of ``values`` (step, replicate) with intervals, at steps times ``shift``; 0 has no place."""
    later = values.isel(step=values.step.values > 0).transpose("step", "replicate")
    at, runs = later.step.values * shift, later.values
    line: dict[str, Any] = {"linewidth": 1.2} | look
    axes.plot(at, runs.mean(axis=1), **line)
    if runs.shape[1] > 1 and line["linewidth"] > _THIN["linewidth"]:
        low, high = bootstrap_band(runs, generator=generator(0, "error bars"))
        axes.vlines(at, low, high, color=line["color"], linewidth=0.6, alpha=0.7)


def _spectra(shares: Axes, spectra: Axes, one: xr.Dataset, look: dict[str, Any], shift: float) -> None:
    """Concentration along training and ranked power at the end, in both bases."""
    for basis in _BASES:
        line: dict[str, Any] = look | _mark(basis, look["color"]) | {"linewidth": 0.8}
        _curve(shares, one.share.sel(basis=basis), line, shift)
        power = one.power.sel(basis=basis).transpose("rank", "replicate").values.mean(axis=1)
        spectra.plot(one["rank"].values, power, **line)


def _mark(basis: str, colour: str) -> dict[str, Any]:
    filled = basis == "additive"
    fill = colour if filled else "white"
    return {
        "marker": "o" if filled else "s",
        "markersize": 2.4,
        "markerfacecolor": fill,
        "markeredgewidth": 0.5,
    }


def _legend(drawing: Figure, names: list[str]) -> None:
    handles = [Line2D([], [], label=name, **partner_look(name, place)) for place, name in enumerate(names)]
    ink = PALETTE["ink"]
    handles += [
        Line2D([], [], color=ink, linewidth=1.2, label="same pairs / test rows / $a$"),
        Line2D([], [], color=ink, label="same answers / training rows / $b$", **_THIN),
    ]
    handles += [Line2D([], [], color=ink, linestyle="", label=basis, **_mark(basis, ink)) for basis in _BASES]
    drawing.legend(handles=handles, loc="outside upper center", ncols=4, handlelength=2.2)
