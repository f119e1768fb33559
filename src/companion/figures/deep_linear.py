"""Figures of linear networks: differences of imbalance decide who works, a common imbalance leaves it open."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.analysis.statistics import bootstrap_interval
from companion.compute.seeds import generator
from companion.figures.described import described
from companion.figures.marks import letter_panels, points_over_seeds, theory_line
from companion.figures.style import GREY, PALETTE, SEQUENTIAL, axis_label, figure, shades

_MARKERS = ("o", "s", "^", "D", "v")


@described(
    title="Imbalance in linear networks",
    caption="Linear networks, gradient flow to the end. (a) Two neurons, one task direction, readouts at zero: "
    "$S_{\\mathrm{use}}$ over imbalances $\\lambda_k=|w_k|^2-|h_k|^2$ drawn uniformly; 0: even shares, 1: one neuron "
    "does the task. (b) The same against the ratio of the imbalances; line: exact law, dots: integrated flows of any "
    "size; faint: small starts of these imbalances that have readouts too, where the law does not apply. (c) Gaussian "
    "starts, by the ratio of the layers, common to all neurons, at fixed $g=\\sqrt{\\sigma_h\\sigma_w}$; lines: law of "
    "small starts. (d) Two neurons, two modes (singular values 2 and 1): does each neuron carry one mode? Grey: by the "
    "ratio of the layers, $g=.1$; colours: by the ratio of the neurons' weights, readouts at zero; lines: law of "
    "vanishing starts. Markers: means with 95 % bootstrap intervals.",
    equation=r"p_k=\frac{h_kw_k}{\sum_jh_jw_j}=\frac{\lambda_k}{\sum_j\lambda_j}\quad(h_{k0}=0),\qquad "
    r"S_{\mathrm{use}}=1+\frac1{\log K}\sum_kp_k\log p_k",
    claims=["p3_b3_imbalance"],
)
def linear_imbalance(data: xr.Dataset) -> Figure:
    """Map over two imbalances, law of their ratio, ratio of the layers, neurons against modes."""
    drawing, grid = figure("text", height=4.3, nrows=2, ncols=2)
    plane, ratio, layers, modes = grid.flat
    _map(drawing, plane, data)
    _ratio(ratio, data)
    _layers(layers, data)
    _modes(modes, data)
    letter_panels(grid.flat)
    return drawing


def _map(drawing: Figure, axes: Axes, data: xr.Dataset) -> None:
    image = axes.pcolormesh(
        data.imbalance_1,
        data.imbalance_2,
        np.ma.masked_invalid(data.usage_map.transpose("imbalance_2", "imbalance_1").values),
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=1,
        rasterized=True,
    )
    drawing.colorbar(image, ax=axes, label=axis_label(data.usage_map), pad=0.02)
    axes.set_xlabel(axis_label(data.imbalance_1))
    axes.set_ylabel(axis_label(data.imbalance_2))
    means = data.usage_mean.values
    low, high = bootstrap_interval(means, generator=generator(0, "imbalance map"))
    text = f"mean {means.mean():.4f}\n({low:.4f} to {high:.4f})\nexact {data.attrs['exact_mean']:.4f}"
    axes.text(0.62, 0.55, text, transform=axes.transAxes, color="white", ha="center", va="center", fontsize=7)


def _ratio(axes: Axes, data: xr.Dataset) -> None:
    others = data.readouts_too.transpose("ratio", "draw")
    places = np.repeat(others.ratio.values, others.sizes["draw"])
    axes.plot(places, others.values.ravel(), ".", color=PALETTE["sky"], markersize=2.5, label="readouts too")
    theory_line(axes, data.line_ratio, data.law, color=PALETTE["ink"], label="exact law")
    points_over_seeds(
        axes,
        data.ratio,
        data.integrated.transpose("ratio", "draw"),
        color=PALETTE["vermilion"],
        label=f"integrated, off by {_power(data.attrs['agreement'])}",
    )
    axes.set_xscale("log")
    axes.set_xlabel(axis_label(data.ratio))
    axes.set_ylabel(axis_label(data.integrated))
    axes.set_ylim(-0.03, 1.03)
    axes.legend(loc="lower right")


def _power(value: float) -> str:
    """A small number as a reader writes it: $8\\times10^{-13}$."""
    digit, exponent = f"{value:.0e}".split("e")
    return rf"${digit}\times10^{{{int(exponent)}}}$" if value else "0"


def _layers(axes: Axes, data: xr.Dataset) -> None:
    handles = []
    for place, colour in enumerate(shades(data.sizes["neurons"])):
        part = data.isel(neurons=place)
        axes.axhline(float(part.common_law), color=colour, linewidth=0.9, zorder=1.0)
        for scale, marker in enumerate(_MARKERS[: data.sizes["scale"]]):
            samples = part.common_usage.isel(scale=scale).transpose("log_ratio", "part")
            shift = 0.1 * (scale - (data.sizes["scale"] - 1) / 2)
            points_over_seeds(axes, data.log_ratio + shift, samples, color=colour, fmt=marker)
        handles.append(Line2D([], [], color=colour, label=f"$K={int(part.neurons)}$"))
    handles += [
        Line2D([], [], color=GREY, linestyle="", marker=marker, label=f"$g={float(scale):g}$")
        for scale, marker in zip(data.scale.values, _MARKERS, strict=False)
    ]
    axes.legend(handles=handles, loc="upper center", ncols=2, columnspacing=2.0)
    axes.set_xlabel(axis_label(data.log_ratio) + ", all neurons alike")
    axes.set_ylabel("mean " + axis_label(data.common_usage))
    axes.set_ylim(0, 0.8)


def _modes(axes: Axes, data: xr.Dataset) -> None:
    samples = data.layer_modes.dropna("log_ratio").transpose("log_ratio", "seed")
    ends, even = data.log_ratio.values[[0, -1]], float(data.neuron_law[0])
    theory_line(axes, ends, [even, even], color=GREY, linewidth=0.7)
    points_over_seeds(axes, samples.log_ratio, samples, color=GREY, fmt="s", label="of the layers")
    theory_line(axes, data.weight_line, data.neuron_law, color=PALETTE["ink"], label="of the neurons, law")
    for place, colour in enumerate(shades(data.sizes["scale"], "plasma")):
        part = (
            data.neuron_modes.isel(scale=place)
            .dropna("weight_ratio")
            .transpose("weight_ratio", "weight_draw")
        )
        label = f"of the neurons, $g={float(part.scale):g}$"
        marks = {"fmt": "-" + _MARKERS[place % len(_MARKERS)], "linewidth": 0.6, "label": label}
        points_over_seeds(axes, part.weight_ratio, part, color=colour, **marks)
    axes.set_xlabel(r"$\log_{10}$ ratio")
    axes.set_ylabel(axis_label(data.neuron_modes))
    axes.set_ylim(0, 1.03)
    axes.legend(loc="lower left")


@described(
    title="Balanced linear networks in closed form",
    caption="Two-layer linear networks with $W_1W_1^\\top-W_2^\\top W_2=\\lambda\\,1$. (a) Loss against time; (b) "
    "singular values of the product, which end at those of the task (dotted). Lines: closed form; dots: integration; "
    "above: largest difference between both, over all of $QQ^\\top$. "
    "(c) Neuron-mode concentration at the end of training, against the common imbalance, over starts whose "
    "neurons are rotated at random. Bars: 95 % bootstrap intervals.",
    equation=r"QQ^\top(t)=e^{Ft}Q_0\left[1+Q_0^\top\int_0^te^{2Fs}ds\,Q_0\right]^{-1}Q_0^\top e^{Ft},\qquad "
    r"Q=\begin{pmatrix}W_1^\top\\W_2\end{pmatrix},\quad "
    r"F=\begin{pmatrix}\lambda/2&\Sigma^\top\\\Sigma&-\lambda/2\end{pmatrix}",
)
def balanced(data: xr.Dataset) -> Figure:
    """Loss and singular values against time for several common imbalances; concentration against them."""
    drawing, (loss, sizes, basis) = figure("text", height=2.2, ncols=3, width_ratios=[1.1, 1.1, 0.8])
    dot = {"linestyle": "", "marker": "o", "markersize": 2.6}
    colours = shades(data.sizes["imbalance"], "plasma")
    for value in data.mode.values:
        sizes.axhline(value, color=GREY, linewidth=0.6, linestyle=":", zorder=1.0)
    for place, colour in enumerate(colours):
        part = data.isel(imbalance=place)
        label = rf"$\lambda={float(part.imbalance):g}$"
        theory_line(loss, data.time, part.loss, color=colour, label=label)
        for mode in range(data.sizes["mode"]):
            theory_line(sizes, data.time, part.mode_size.isel(mode=mode), color=colour)
        loss.plot(data.moment, part.integrated_loss, color=colour, **dot)
        sizes.plot(data.moment, part.integrated_size.transpose("moment", "mode"), color=colour, **dot)
    for axes, values in ((loss, data.loss), (sizes, data.mode_size)):
        axes.set_xlabel(axis_label(data.time))
        axes.set_ylabel(axis_label(values))
        axes.set_xlim(0, None)
    loss.set_yscale("log")
    loss.legend(loc="lower left", ncols=1)
    sizes.set_title(f"dots differ from lines by {_power(data.attrs['agreement'])}", fontsize=7)
    points_over_seeds(
        basis, data.imbalance, data.concentration.transpose("imbalance", "rotation"), color=PALETTE["blue"]
    )
    basis.set_ylim(0, 1)
    basis.locator_params(axis="x", integer=True, nbins=5)
    basis.set_xlabel(axis_label(data.imbalance))
    basis.set_ylabel(axis_label(data.concentration))
    letter_panels((loss, sizes, basis))
    return drawing
