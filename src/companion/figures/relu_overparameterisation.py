"""Figures of more ReLU students than teachers: flat minima, splitting."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, theory_line
from companion.figures.style import GREY, PALETTE, axis_label, figure

_POINT_STYLES = (
    (PALETTE["ink"], "-"),
    (PALETTE["blue"], "-"),
    (PALETTE["sky"], "-"),
    (PALETTE["vermilion"], (0, (3, 1.5))),
    (PALETTE["orange"], (0, (3, 1.5))),
)


@described(
    title="Overparameterised minima are flat, and reached slowly",
    caption="(a) The lower eigenvalues of the Hessian, ascending, against their rank divided by $d$: global minima "
    "inside their simplices (lines) and critical points of positive loss (dashed). (b) Loss of gradient descent from "
    "random starts; grey: a power $t^{-3}$. (c) Loss with a teacher unit $v$ shared by two students, "
    "$\\alpha v+\\delta u$ and $(1-\\alpha)v-\\delta u$, with $u$ across the teacher.",
    equation=r"\#\{\lambda=0\}=(K-M)\,d,\qquad \dot\delta\sim-\delta^2\ \Rightarrow\ L\sim t^{-3}",
    claims=["p1_c6_flat_power_law"],
)
def flatness(minima: xr.Dataset) -> Figure:
    """Sorted spectra (left), loss against time (middle), loss along and beside the split segment (right)."""
    drawing, (left, middle, right) = figure("text", height=2.5, ncols=3)
    _draw_spectra(left, minima)
    _draw_decay(middle, minima)
    for offset, colour in zip(minima.offset, (PALETTE["ink"], PALETTE["blue"], PALETTE["sky"]), strict=False):
        theory_line(
            right,
            minima.share,
            minima.valley.sel(offset=offset),
            color=colour,
            label=rf"$\delta={float(offset):g}$",
        )
    right.set_xlabel(axis_label(minima.share))
    right.set_ylabel(axis_label(minima.valley))
    for corner in (0.0, 1.0):
        guide(right, x=corner)
    right.legend(loc="upper center")
    letter_panels((left, middle, right))
    return drawing


def _draw_spectra(axes: Axes, minima: xr.Dataset) -> None:
    dimension = minima.attrs["dimension"]
    for name, (colour, dashes) in zip(map(str, minima.point.values), _POINT_STYLES, strict=True):
        chosen = minima.eigenvalue_point.values == name
        theory_line(
            axes,
            minima.eigenvalue_rank.values[chosen] / dimension,
            minima.eigenvalue_value.values[chosen],
            color=colour,
            linestyle=dashes,
            label=name,
        )
    axes.set_xlabel("rank of eigenvalue $/\\,d$")
    axes.set_ylabel(axis_label(minima.eigenvalue_value))
    axes.set_xlim(0, 4.0)
    axes.set_ylim(-0.01, 0.45)
    axes.legend(loc="upper left", fontsize=6)


def _draw_decay(axes: Axes, minima: xr.Dataset) -> None:
    steps = minima.step.values
    teachers = minima.attrs["decay_teachers"]
    for size, colour in zip(minima["size"].values, (PALETTE["ink"], PALETTE["blue"]), strict=True):
        curves = minima.curve.sel(size=size).values
        for number, loss in enumerate(curves):
            # What is left of a loss at K = M after its exponential decay is rounding.
            shown = np.where(loss > 1e-16, loss, np.nan)
            label = f"$K={size},\\ M={teachers}$" if number == 0 else None
            axes.plot(steps, shown, color=colour, linewidth=0.8, label=label, zorder=3.0)
    curves = minima.curve.isel(size=-1).values
    late = steps >= steps[-1] / 100
    power = np.median(curves[:, -1]) * (steps[late] / steps[-1]) ** -3.0
    theory_line(axes, steps[late], 6 * power, color=GREY, linewidth=0.7)
    axes.text(steps[late][len(power) // 2], 12 * power[len(power) // 2], "$t^{-3}$", color=GREY)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-16, None)
    axes.set_xlabel(axis_label(minima.step))
    axes.set_ylabel(axis_label(minima.curve))
    axes.legend(loc="lower left")


_ROLES = {"aligned": ("o", "blue"), "flipped": ("s", "vermilion"), "extra": ("D", "orange")}


@described(
    title="Splitting a unit turns a spurious minimum into a saddle",
    caption="(a) Smallest eigenvalue of $D_k$ for every unit $k$ of every listed minimum of $K=M$ (filled) and "
    "$K=M+1$ (hollow): below zero, splitting the unit makes saddles. (b) Loss below that of I(1) and (c) loss, "
    "for descent after one unit of I(1) was halved and noise added; several draws. Theory lines in (b) have "
    "the predicted rate; dashed in (c): losses of I(1) and of S(1), a minimum of $K=M+1$.",
    equation=r"\delta^\top\left(\frac{1}{\alpha}+\frac{1}{1-\alpha}\right)D_k\,\delta,\qquad "
    r"L_{I(1)}-L(t)\propto e^{4|\lambda_{\min}(D_k)|t}",
)
def splitting(split: xr.Dataset) -> Figure:
    """Eigenvalues of D_k per unit (left), growth of the escape (middle), loss to its end (right)."""
    drawing, (left, middle, right) = figure("text", height=2.45, ncols=3)
    _draw_units(left, split)
    time = split.time.values
    start = float(split.escape_from)
    for role in map(str, split.split.values):
        marker_colour = PALETTE[_ROLES[role][1]]
        member = split.sel(split=role)
        for number, loss in enumerate(member.escape_loss.values):
            fallen = np.where(start - loss > 0, start - loss, np.nan)
            middle.plot(
                time,
                fallen,
                color=marker_colour,
                linewidth=0.8,
                label=f"{role} unit halved" if number == 0 else None,
            )
            right.plot(time, loss, color=marker_colour, linewidth=0.8)
        _draw_prediction(middle, time, start - member.escape_loss.values, float(member.escape_rate))
    middle.set_yscale("log")
    middle.set_xlim(0, _end_of_growth(time, start - split.escape_loss.values, start))
    middle.set_ylim(1e-12, 2 * start)
    middle.set_xlabel(axis_label(split.time))
    middle.set_ylabel("$L_{I(1)}-L$")
    middle.legend(loc="lower right")
    right.set_xscale("log")
    right.set_xlabel(axis_label(split.time))
    right.set_ylabel(axis_label(split.escape_loss))
    right.set_ylim(-0.04 * start, 1.15 * start)
    wider = float(split.escape_wider)
    for name, loss, side in (("I(1)", start, "bottom"), ("S(1)", wider, "top")):
        guide(right, y=loss)
        right.text(time[0], loss, name, color=GREY, fontsize=6, va=side)
    letter_panels((left, middle, right))
    return drawing


def _draw_units(axes: Axes, split: xr.Dataset) -> None:
    """One marker per unit; equal units of a block fall on one another."""
    extra = split.unit_students.values - split.unit_teachers.values
    shifts = {"aligned": -0.12, "flipped": 0.12, "extra": 0.3}
    for role, (marker, name) in _ROLES.items():
        for wider, face in ((0, PALETTE[name]), (1, "white")):
            chosen = (split.unit_role.values == role) & (extra == wider)
            if chosen.any():
                axes.plot(
                    split.unit_teachers.values[chosen] + shifts[role],
                    split.unit_smallest.values[chosen],
                    linestyle="",
                    marker=marker,
                    markerfacecolor=face,
                    markeredgecolor=PALETTE[name],
                    markeredgewidth=0.6,
                    label=None if wider and role != "extra" else role,
                    zorder=3.0,
                )
    guide(axes, y=0.0)
    axes.set_xticks(np.unique(split.unit_teachers.values))
    axes.set_xlabel(axis_label(split.unit_teachers))
    axes.set_ylabel(axis_label(split.unit_smallest))
    axes.set_ylim(1.35 * float(split.unit_smallest.min()), None)
    axes.legend(loc="lower center", ncols=3)


def _draw_prediction(axes: Axes, time: np.ndarray, fallen: np.ndarray, rate: float) -> None:
    """The predicted exponential, through the first run at a thousandth of its fall."""
    loss = fallen[0]
    anchor = int(np.flatnonzero(loss > 1e-3 * loss.max())[0])
    window = (time > 0.4 * time[anchor]) & (time < 1.2 * time[anchor])
    line = loss[anchor] * np.exp(rate * (time[window] - time[anchor]))
    theory_line(axes, time[window], line, color=PALETTE["ink"], linestyle=(0, (2, 2)), zorder=4.0)


def _end_of_growth(time: np.ndarray, fallen: np.ndarray, start: float) -> float:
    """A time at which every run has left the saddle, and a bit."""
    late = [time[np.flatnonzero(run > 0.02 * start)[:1]] for run in fallen.reshape(-1, time.size)]
    times = np.concatenate(late)
    return 1.4 * float(times.max()) if times.size else float(time[-1])
