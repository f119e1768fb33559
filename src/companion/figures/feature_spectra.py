"""Figures of the spectra of random features: stored datasets in, Figure out."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, theory_line
from companion.figures.style import PALETTE, axis_label, figure

HIGH, LOW = PALETTE["vermilion"], PALETTE["blue"]
_KINDS = (("exact", "o", PALETTE["ink"]), ("gaussian equivalent", "x", PALETTE["green"]))
_WORDS = {
    "A": r"$\sigma=1$",
    "B": r"$\sigma=(1.5,0.5)$, $M=0$",
    "C": r"$\sigma=(1.5,0.5)$, $M=1$",
    "D": r"$\sigma=1$, $M=1$, $\pi=(0.9,0.1)$",
    "R1": r"$\sigma=(1.2,0.8)$, $M=16$, $\pi=(0.1,0.9)$",
}


@described(
    title="Spectrum of the features: generalisation, memorisation, noise",
    caption="Density of the eigenvalues of $U$ per unit of $\\log\\lambda$, $t=.1$, $\\psi_n=4$, $\\psi_p=8$, "
    "tanh. Line: theory, with each class's part of it filled (vermilion: class 1, blue: class 2); circles: exact "
    "finite-size matrix; crosses: its Gaussian equivalent; mean and range over draws. Dashed: the atom and its "
    "mass. Most outliers of the centroids lie to the right of the axis.",
    equation=r"\rho(\lambda)=\frac{1}{\pi}\mathrm{Im}\,\mathbb{E}_hR(h;\lambda+i0)",
)
def spectra(data: xr.Dataset) -> Figure:
    """Theory and histograms of the four cases, one panel each."""
    drawing, grid = figure("text", height=4.2, nrows=2, ncols=2, sharex=True)
    for axes, name in zip(grid.flat, data.setting.values, strict=True):
        part = data.sel(setting=name)
        place = part.eigenvalue.values
        _fill_classes(axes, place, part.class_theory.values)
        theory_line(axes, place, part.theory, color=PALETTE["ink"], linewidth=0.8)
        top = 1.25 * _highest(part.histogram.mean("draw").max("kind").values, part.centre.values)
        for kind, marker, colour in _KINDS:
            _markers(axes, part.centre.values, part.histogram.sel(kind=kind).values, marker, colour)
        if np.isfinite(part.atom_place):
            guide(axes, x=float(part.atom_place), text=f"atom {float(part.atom_mass):.3f}")
        axes.set_xscale("log")
        axes.set_xlim(place[0], place[-1])
        axes.set_ylim(0, top)
        axes.set_title(f"{name}: {_WORDS[str(name)]}")
    for axes in grid[-1]:
        axes.set_xlabel(axis_label(data.eigenvalue))
    for axes in grid[:, 0]:
        axes.set_ylabel(axis_label(data.theory))
    handles = [Line2D([], [], color=PALETTE["ink"], label="theory")] + [
        Line2D([], [], color=colour, marker=marker, linestyle="", label=kind)
        for kind, marker, colour in _KINDS
    ]
    grid[0, 0].legend(handles=handles, loc="upper right")
    letter_panels(grid.flat)
    return drawing


@described(
    title="Whose modes they are",
    caption="Class-resolved density of the eigenvalues per unit of $\\log\\lambda$: lines, theory for class 1 "
    "(vermilion) and class 2 (blue); markers, share of the class in the modes of the exact finite-size matrix, "
    "mean and range over draws. (a), (b): $\\sigma=(1.5,.5)$, $M=0$ and $1$, $\\psi_n=4$, $\\psi_p=8$, $t=.1$; "
    "(c): run R1, $\\sigma=(1.2,.8)$, $M=16$, class 1 a tenth of the examples, $\\psi_n=\\psi_p=16$, $t=.5$.",
    equation=r"\rho_c(\lambda)=\frac{\mathrm{Im}\,T_c(\lambda+i0)}{\pi\lambda},\qquad T_c(z)=\frac{1}{p}\mathrm{Tr}\,"
    r"\pi_cU_cR(z)",
)
def class_spectra(data: xr.Dataset) -> Figure:
    """Theory and histograms of the class parts, one panel for each setting."""
    drawing, panels = figure("text", height=2.3, ncols=data.sizes["setting"])
    for axes, name in zip(panels, data.setting.values, strict=True):
        part = data.sel(setting=name)
        exact = part.class_histogram
        for label, colour, marker in ((0, HIGH, "o"), (1, LOW, "s")):
            theory_line(axes, part.eigenvalue, part.class_theory.isel(label=label), color=colour)
            _markers(axes, part.centre.values, exact.isel(label=label).values, marker, colour)
        axes.set_xscale("log")
        axes.set_ylim(0, 1.4 * _highest(exact.mean("draw").max("label").values, part.centre.values))
        axes.set_xlim(part.eigenvalue.values[0], part.eigenvalue.values[-1])
        axes.set_title(f"  {_WORDS[str(name)]}", fontsize=7)
        axes.set_xlabel(axis_label(data.eigenvalue))
    panels[0].set_ylabel(axis_label(data.class_theory))
    letter_panels(panels)
    return drawing


def _fill_classes(axes: Axes, place: np.ndarray, parts: np.ndarray) -> None:
    """The classes' parts stacked under the density."""
    below = np.zeros(len(place))
    for values, colour in zip(parts.T, (HIGH, LOW), strict=False):
        if np.isfinite(values).all():
            axes.fill_between(place, below, below + values, color=colour, alpha=0.3, linewidth=0)
            below = below + values


def _markers(axes: Axes, centre: np.ndarray, counts: np.ndarray, marker: str, colour: str) -> None:
    """Mean and range over draws (draw, bin), empty bins left out."""
    kept = counts.max(axis=0) > 0
    middle = counts.mean(axis=0)[kept]
    axes.vlines(centre[kept], counts.min(axis=0)[kept], counts.max(axis=0)[kept], color=colour, linewidth=0.7)
    axes.plot(centre[kept], middle, marker, color=colour, markersize=2.5, linestyle="", zorder=3.0)


def _highest(marks: np.ndarray, centre: np.ndarray) -> float:
    """Top of the axis: the highest of ``marks`` (bin,) beyond the noise, whose peak is as high as it is narrow."""
    beyond = centre > 1.6 * centre[int(marks.argmax())]
    return float(marks[beyond].max()) if beyond.any() else float(marks.max())
