"""Explorer of random-features diffusion: turn the data's knobs, see spectrum, losses and clocks of two classes."""

from typing import NamedTuple

import numpy as np
from ipywidgets import VBox
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.analysis import timescales
from companion.explore.panel import in_lab, log_slider, panel, slider
from companion.figures.marks import theory_line
from companion.figures.style import GREY, PALETTE, figure, styled
from companion.theory.feature_coefficients import feature_coefficients
from companion.theory.mixtures import Mixture
from companion.theory.random_features import class_spectral_density
from companion.theory.reduced_score_model import gain_overlaps
from companion.theory.score_losses import flow_losses

FEATURE_RATIO = 16.0
COLOURS = (PALETTE["vermilion"], PALETTE["blue"])
#: Gap of test and training loss that counts as memorisation, and share of the reducible loss as generalisation.
GAP, SHARE = 0.05, 0.5

# So coarse that a view takes less than half a second; the figures of the notebook use more of each. Texts are
# without mathtext, whose parser would take as long as everything else.
_EIGENVALUES = np.geomspace(3e-3, 60.0, 120)
_BROADENING = 0.04
_TIMES = np.geomspace(3e-3, 3e3, 49)
_NODES = 8


class Knobs(NamedTuple):
    """What can be turned: σ_1/σ_2 at mean 1, share of class 1, |μ|²/d of both classes, angle in degrees, t, n/d."""

    ratio: float = 3.0
    share: float = 0.5
    norm: float = 1.0
    angle: float = 90.0
    time: float = 0.1
    sample_ratio: float = 8.0

    @property
    def mixture(self) -> Mixture:
        """Two classes with these properties; raises ValueError for what is no mixture."""
        if self.ratio <= 0:
            raise ValueError(f"ratio: {self.ratio} given; it is positive")
        if self.norm < 0:
            raise ValueError(f"norm: {self.norm} given; it is not negative")
        mixed = self.norm * np.cos(np.radians(self.angle)) if self.angle != 90.0 else 0.0
        return Mixture(
            (self.share, 1.0 - self.share),
            (2 * self.ratio / (1 + self.ratio), 2 / (1 + self.ratio)),
            ((self.norm, mixed), (mixed, self.norm)),
            self.time,
        )


class Numbers(NamedTuple):
    """What a view shows: class parts of λ ρ(λ) (places, 2), losses (times, 2), band centres and clocks (2,)."""

    parts: np.ndarray
    generalisation: np.ndarray
    memorisation: np.ndarray
    train: np.ndarray
    test: np.ndarray
    learned: np.ndarray
    stopped: np.ndarray
    memorised: np.ndarray


def numbers(knobs: Knobs) -> Numbers:
    """Theory at d -> infinity for these knobs, at p/d = 16: spectrum by class, flow losses, clocks."""
    mixture = knobs.mixture
    arguments = (mixture, knobs.sample_ratio, FEATURE_RATIO)
    density = class_spectral_density(_EIGENVALUES, *arguments, _BROADENING, nodes=_NODES)
    train, test = flow_losses(_TIMES, *arguments, nodes=_NODES)
    roots = np.sqrt(mixture.pi * mixture.total_variances)
    bands = FEATURE_RATIO * np.linalg.eigvalsh(np.outer(roots, roots) * gain_overlaps(mixture))[::-1]
    feature = feature_coefficients(mixture, _NODES)
    floor = feature.noise_variance @ mixture.pi
    own = feature.sample_variance * (FEATURE_RATIO / knobs.sample_ratio)
    return Numbers(
        parts=_EIGENVALUES[:, None] * density,
        generalisation=bands,
        memorisation=feature.node_weights @ (floor[:, None] + own),
        train=train,
        test=test,
        learned=timescales.gen_passage(_TIMES, test.T, 1 - mixture.bayes_losses, SHARE),
        stopped=timescales.early_stop(_TIMES, test.T),
        memorised=timescales.mem_gap_absolute(_TIMES, train.T, test.T, GAP),
    )


@styled()
def view(knobs: Knobs) -> Figure:
    """Spectrum with class bands, per-class losses, and clocks for these knobs; class 1 vermilion, class 2 blue.

    Raises ValueError for knobs that describe no mixture.
    """
    found = numbers(knobs)
    drawing, (left, middle, right) = figure("text", height=2.1, ncols=3, width_ratios=[1.2, 1.3, 1])
    _spectrum(left, found)
    _losses(middle, found, knobs.mixture)
    _clocks(right, found)
    first, second = knobs.mixture.standard_deviations
    drawing.suptitle(
        f"σ = ({first:.2f}, {second:.2f}),  share {knobs.share:.2f},  |μ|²/d = {knobs.norm:.1f} at {knobs.angle:.0f}°,"
        f"  t = {knobs.time:.2g},  n/d = {knobs.sample_ratio:.1f},  p/d = {FEATURE_RATIO:.0f}"
    )
    return drawing


def _spectrum(axes: Axes, found: Numbers) -> None:
    below = np.zeros(_EIGENVALUES.size)
    for part, colour in zip(found.parts.T, COLOURS, strict=True):
        axes.fill_between(_EIGENVALUES, below, below + part, color=colour, alpha=0.35, linewidth=0)
        below = below + part
    theory_line(axes, _EIGENVALUES, below, color=PALETTE["ink"], linewidth=0.8)
    top = 1.15 * below[_EIGENVALUES > 0.02].max()  # the bare noise at small λ would dwarf the bands
    for place in found.generalisation[found.generalisation > _EIGENVALUES[0]]:
        axes.axvline(place, color=GREY, linewidth=0.6, linestyle="--")
    for place, colour in zip(found.memorisation, COLOURS, strict=True):
        axes.axvline(place, color=colour, linewidth=0.7, linestyle=":")
    axes.set_ylim(0, top)
    _log(axes, _EIGENVALUES)
    axes.set_xlabel("eigenvalue λ")
    axes.set_title("λ ρ(λ) by class, band centres")


def _losses(axes: Axes, found: Numbers, mixture: Mixture) -> None:
    for label, colour in enumerate(COLOURS):
        theory_line(axes, _TIMES, found.test[:, label], color=colour)
        theory_line(axes, _TIMES, found.train[:, label], color=colour, linestyle=(0, (4, 1.5)))
        axes.axhline(mixture.bayes_losses[label], color=colour, linewidth=0.5, linestyle=":")
    axes.set_ylim(0, min(1.6, max(1.05, float(found.test.max()) + 0.05)))
    _log(axes, _TIMES)
    axes.set_xlabel("eigen-time T")
    axes.set_title("losses: test, training (dashed), best")


def _clocks(axes: Axes, found: Numbers) -> None:
    marks = (
        ("o", "learned", found.learned),
        ("^", "stop", found.stopped),
        ("s", "memorised", found.memorised),
    )
    for label, colour in enumerate(COLOURS):
        for marker, _, times in marks:
            if np.isfinite(times[label]):
                axes.plot(times[label], 1 - label, marker, color=colour, markersize=5)
            elif marker != "^":  # never reached: an open mark at the end of the axis
                axes.plot(_TIMES[-1], 1 - label, marker, color=colour, markersize=5, markerfacecolor="white")
    handles = [
        Line2D([], [], color=GREY, marker=marker, linestyle="", label=name) for marker, name, _ in marks
    ]
    axes.legend(handles=handles, loc="center", ncols=3, columnspacing=0.6, handletextpad=0.1)
    axes.set_ylim(-0.5, 1.5)
    axes.set_yticks([1, 0], ["class 1", "class 2"])
    _log(axes, _TIMES)
    axes.set_xlabel("eigen-time T")
    axes.set_title("clocks (open: never)")


def _log(axes: Axes, values: np.ndarray) -> None:
    axes.set_xscale("log")
    axes.set_xlim(values[0], values[-1])
    ticks = [place for place in (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0) if values[0] < place < values[-1]]
    axes.set_xticks(ticks, [f"{place:g}" for place in ticks])
    axes.minorticks_off()


@in_lab
def explorer(**knobs: float) -> VBox:
    """A slider for each of `Knobs`, at first at these, and the view below them."""
    start = Knobs(**knobs)
    controls = {
        "ratio": log_slider("σ₁/σ₂", start.ratio, -0.7, 0.7, 0.02),
        "share": slider("share of class 1", start.share, 0.02, 0.98, 0.02),
        "norm": slider("|μ|²/d", start.norm, 0.0, 16.0, 0.5),
        "angle": slider("angle (°)", start.angle, 0.0, 180.0, 10.0),
        "time": log_slider("diffusion time t", start.time, -2, 0, 0.05),
        "sample_ratio": log_slider("examples n/d", start.sample_ratio, 0, 5, 0.5, base=2),
    }
    return panel(lambda **turned: view(Knobs(**turned)), controls)
