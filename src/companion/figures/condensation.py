"""Figure of condensation: where the exact empirical score begins to copy its training points."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds, theory_line
from companion.figures.style import GREY, PALETTE, axis_label, figure, shades

_CLASSES = tuple(PALETTE[name] for name in ("green", "orange", "plum", "sky"))


@described(
    title="Where copying begins",
    caption="Exact score of a finite training set. (a) Participation ratio of the weights at noised training points, "
    "which is also the mean probability to return to the point of origin, for one Gaussian class and $n=e^{\\alpha d}$ "
    "points; lines: exact law at finite size (grey: dimensions beyond simulation); $t_C$: its limit $d\\to\\infty$. "
    "(b) Entropy of the weights over $d$; black: limit. (c) A mixture whose classes differ in $\\sigma_c$: mean weight "
    "of the origin (filled; lines: exact law of the class alone) and of its class (rings; dashed: attribution $C_c$). "
    "(d) Time at which the origin holds half the weight, against the points of each class, colours as in (c). "
    "Markers: means over training sets with 95 % bootstrap intervals.",
    equation=r"t_C=\frac12\log\left(1+\frac{\sigma_c^2}{n_c^{2/d}-1}\right)\quad\Longleftrightarrow\quad "
    r"\frac12\log\left(1+\frac{e^{-2t}\sigma_c^2}{\Delta_t}\right)=\frac{\log n_c}{d}",
)
def condensation(data: xr.Dataset) -> Figure:
    """Participation and entropy against t, return and attribution by class, condensation times by class."""
    drawing, grid = figure("text", height=3.35, nrows=2, ncols=2)
    sharp, entropy, classes, collapse = grid.flat
    _sharpening(sharp, data)
    _entropy(entropy, data)
    _classes(classes, data)
    _collapse(collapse, data)
    letter_panels(grid.flat)
    return drawing


def _sharpening(axes: Axes, data: xr.Dataset) -> None:
    for place, colour in enumerate(shades(data.sizes["dimension"])):
        part = data.isel(dimension=place)
        theory_line(axes, data.moment, part.law, color=colour)
        samples = part.participation.transpose("time", "draw")
        label = f"$d={int(part.dimension)}$, $n={int(part.points)}$"
        points_over_seeds(axes, data.time, samples, color=colour, label=label)
    for row, line in zip(range(data.sizes["large_dimension"]), ("--", ":", "-."), strict=False):
        law = data.large_law.isel(large_dimension=row)
        label = f"$d={int(data.large_dimension[row])}$"
        theory_line(axes, data.moment, law, color=GREY, linestyle=line, label=label)
    _until_limit(axes, data)
    axes.set_ylabel(axis_label(data.participation))
    axes.set_ylim(0, 1.02)
    axes.legend(loc="upper right", title=rf"$\alpha={data.attrs['rate']:g}$", title_fontsize=7)


def _entropy(axes: Axes, data: xr.Dataset) -> None:
    theory_line(axes, data.moment, data.limit_entropy, color=PALETTE["ink"], label=r"$d\to\infty$")
    for place, colour in enumerate(shades(data.sizes["dimension"])):
        part = data.isel(dimension=place)
        samples = part.entropy_density.transpose("time", "draw")
        points_over_seeds(axes, data.time, samples, color=colour, label=f"$d={int(part.dimension)}$")
    _until_limit(axes, data)
    axes.set_ylabel(axis_label(data.entropy_density))
    axes.set_ylim(0, None)
    axes.legend(loc="lower right")


def _until_limit(axes: Axes, data: xr.Dataset) -> None:
    guide(axes, x=float(data.limit), text="$t_C$")
    axes.set_xlabel(axis_label(data.time))
    axes.set_xlim(0, None)


def _classes(axes: Axes, data: xr.Dataset) -> None:
    ring = {"markerfacecolor": "white", "markeredgewidth": 0.7}
    handles = []
    for label in range(data.sizes["label"]):
        part, colour = data.isel(label=label), _CLASSES[label % len(_CLASSES)]
        theory_line(axes, data.class_moment, part.class_law, color=colour)
        theory_line(axes, data.class_moment, part.class_curve, color=colour, linestyle="--", linewidth=0.7)
        for name, marks in (("own_class", {}), ("class_weight", ring)):
            samples = part[name].transpose("class_time", "class_draw")
            points_over_seeds(axes, data.class_time, samples, color=colour, **marks)
        handles.append(Line2D([], [], color=colour, label=rf"$\sigma_c={float(part.deviation):g}$"))
    handles += [
        Line2D([], [], color=GREY, marker="o", label="origin"),
        Line2D([], [], color=GREY, linestyle="--", marker="o", label="class", **ring),
    ]
    axes.legend(handles=handles, loc="lower left", handlelength=2.2)
    axes.set_xscale("log")
    axes.set_xlabel(axis_label(data.class_time))
    axes.set_ylabel("mean weight")
    axes.set_ylim(0, 1.02)
    axes.set_title(f"$d={int(data.attrs['class_dimension'])}$, $n_c={int(data.attrs['shown'])}$")


def _collapse(axes: Axes, data: xr.Dataset) -> None:
    for label in range(data.sizes["label"]):
        part, colour = data.isel(label=label), _CLASSES[label % len(_CLASSES)]
        theory_line(axes, data.line_count, part.half_law, color=colour)
        theory_line(axes, data.line_count, part.collapse, color=colour, linestyle=":")
        samples = part.half_time.transpose("count", "class_draw")
        points_over_seeds(axes, data["count"], samples, color=colour)
    handles = [
        Line2D([], [], color=GREY, label="exact law"),
        Line2D([], [], color=GREY, linestyle=":", label=r"$d\to\infty$ at $\alpha_c=\log(n_c)/d$"),
    ]
    axes.legend(handles=handles, loc="lower left")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_yticks([0.05, 0.1, 0.2, 0.5, 1.0], ["0.05", "0.1", "0.2", "0.5", "1"])
    axes.minorticks_off()
    low, high = float(data.collapse.min()), float(data.half_law.max())
    axes.set_ylim(0.6 * low, 1.25 * high)
    axes.set_xlabel(axis_label(data["count"]))
    axes.set_ylabel(axis_label(data.half_time))
    axes.set_title(f"$d={int(data.attrs['class_dimension'])}$")
