"""The stops of the guided tour: one picture and one slider for each family, each drawn in less than half a second."""

from functools import cache, partial
from typing import TYPE_CHECKING, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.explore.copies import draw_copies
from companion.explore.panel import slider, stop, stops
from companion.explore.tracked import tracked
from companion.figures.style import GREY, PALETTE, figure, styled
from companion.figures.unet_classes import CLASS_COLOURS

if TYPE_CHECKING:
    from IPython.display import Image
    from ipywidgets import VBox

# Modules that compute are imported by the stop that needs them, so that the first one need not wait for all.

_TEACHERS: Final = 10
_STEPS: Final = 4000
_HIGHEST: Final = 0.12  # loss that is drawn


def descents() -> "VBox | Image":
    """Gradient descent on a ReLU network from one random start after the other, beside the ends of 500."""
    return stop(descent, slider("random start", 0, 0, 99, 1))


@cache
def _ends() -> tuple[np.ndarray, dict[str, float]]:
    """Losses (run,) at the end of the tracked descents at K = M = 10, and those of the families, by name."""
    name = "p1_f1_loss_histogram"
    panels, runs, lines = (tracked(name, dim) for dim in ("panel", "run", "line"))
    panel = float(panels.panel[panels.students.values == _TEACHERS][0])
    here = lines.line_panel.values == panel
    families = dict(zip(lines.line_family.values[here], lines.line_loss.values[here], strict=True))
    return runs.loss.values[runs.run_panel.values == panel], families


@styled()
def descent(start: int) -> Figure:
    """Loss along the descent from ``start`` (left), and how many of 500 ended at each loss (right)."""
    from companion.training.descent import initial_weights
    from companion.training.relu_decay import logarithmic_steps, loss_curve

    ends, families = _ends()
    steps = logarithmic_steps(_STEPS, 14)
    weights = initial_weights(_TEACHERS, _TEACHERS, [start], seed=0)
    loss = loss_curve(weights, np.eye(_TEACHERS), steps).loss[0]
    levels = {"solved": 0.0} | families
    heights = np.array(list(levels.values()))
    counts = np.bincount(np.abs(ends[:, None] - heights).argmin(axis=1), minlength=heights.size)
    own = int(np.abs(loss[-1] - heights).argmin())
    drawing, (left, right) = figure("text", height=2.3, ncols=2, width_ratios=[1.7, 1], sharey=True)
    _place(drawing, right=0.98)
    left.hlines(heights, 1, _STEPS, color=GREY, linewidth=0.5, linestyle="--")
    left.plot(steps, loss, color=PALETTE["vermilion"], linewidth=1.6)
    left.set_xscale("log")
    left.set_xlim(1, _STEPS)
    left.set_ylim(-0.004, _HIGHEST)
    left.set_xlabel("steps of gradient descent")
    left.set_title(f"loss from random start {start}, K = M = {_TEACHERS}")
    colours = [PALETTE["vermilion"] if place == own else GREY for place in range(heights.size)]
    right.barh(heights, counts, height=0.0018, color=colours)
    for name, height, count in zip(levels, heights, counts, strict=True):
        if count:
            right.annotate(
                f"{name}: {count}", (count, height), (3, 0), textcoords="offset points", va="center"
            )
    right.set_xlim(0, 1.35 * counts.max())
    right.set_xlabel("descents that ended here")
    right.set_title(f"ends of {ends.size} descents")
    return drawing


def shares() -> "VBox | Image":
    """Losses of two classes under a random-features diffusion model, over the share of the broad class."""
    from companion.explore import random_features

    start = random_features.Knobs(ratio=3.0, share=0.5)
    return stop(
        lambda share: random_features.view(start._replace(share=share)),
        slider("share of class 1", start.share, 0.02, 0.98, 0.04),
    )


@cache
def _watched() -> tuple[xr.Dataset, xr.Dataset]:
    """Curves of both classes along training, and the generated images with their nearest training images."""
    curves = tracked("p2unet_u3_clocks", "pair", "replicate", "step", "label")
    return curves.isel(pair=0, replicate=0), tracked("p2unet_u2_samples", "step", "shown")


def checkpoints() -> "VBox | Image":
    """What a U-Net generates at several steps of its training, each image above the training image nearest to it."""
    steps = [int(step) for step in _watched()[1].step]
    return stop(generated, stops("training step", steps, steps[0]))


@styled()
def generated(step: int) -> Figure:
    """Eight generated images (top) and their nearest training images; memorised fractions of both classes (right)."""
    curves, sheet = _watched()
    drawing, (left, right) = figure("text", height=2.0, ncols=2, width_ratios=[1.7, 1])
    _place(drawing, left=0.03, right=0.98, wspace=0.15)
    shown = sheet.sel(step=step)
    samples, nearest = (
        np.array([_picture(str(text)) for text in shown[f"{name}_text"].values])
        for name in ("sample", "nearest")
    )
    draw_copies(left, samples, nearest, shown.ratio.values)
    left.set_title(f"step {step}: generated (top), nearest training images; $d_1/d_2$ below")
    for label, colour in enumerate(CLASS_COLOURS):
        one = curves.sel(label=label)
        right.plot(one.step, one.memorised, ".-", color=colour, label=str(one.class_name.values[0]))
    right.axvline(max(step, float(curves.step[1])), color=GREY, linewidth=0.8, linestyle="--")
    right.set_xscale("log")
    right.set_ylim(-0.03, 1.03)
    right.set_xlabel("training step")
    right.set_title("share of samples that are copies")
    right.legend(loc="upper left")
    return drawing


def _picture(text: str) -> np.ndarray:
    """A square picture from two hexadecimal digits a pixel."""
    tones = np.frombuffer(bytes.fromhex(text), np.uint8)
    return tones.reshape(round(tones.size**0.5), -1)


def angles() -> "VBox | Image":
    """Two tasks in a soft committee, over the angle that the readout has with the tie of its units."""
    from companion.explore import soft_committee

    start = soft_committee.Knobs()
    return stop(
        lambda angle: soft_committee.view(start._replace(angle=angle)),
        slider("angle θ / (π/4)", 0.0, 0.0, 1.0, 0.05),
    )


def tables(runs: xr.Dataset, shares: list[float]) -> "VBox | Image":
    """Networks that learn addition from a share of its table: stored ``runs``, whose conditions go through ``shares``.

    Each share has as many runs as ``runs`` has for one of them, side by side.
    """
    return stop(partial(learning, runs, shares), stops("share of the table", shares, shares[0]))


@styled()
def learning(runs: xr.Dataset, shares: list[float], share: float) -> Figure:
    """Training and test accuracy along training at one share (left), test accuracy at the end over all (right)."""
    replicates = runs.sizes["condition"] // len(shares)
    cut = runs.isel(operation=0).transpose("condition", "step", ...)
    test = cut.test_accuracy.values.reshape(len(shares), replicates, -1)
    train = cut.train_accuracy.values.reshape(test.shape)
    place, late = shares.index(share), cut.step.values > 0
    drawing, (left, right) = figure("text", height=2.1, ncols=2, width_ratios=[1.7, 1])
    _place(drawing, right=0.98)
    for values, colour in ((train, GREY), (test, PALETTE["blue"])):
        left.plot(cut.step.values[late], values[place][:, late].T, color=colour, linewidth=1.2)
    left.set_xscale("log")
    left.set_xlabel("training steps")
    left.set_title(f"accuracy: trained on {share:.0%} of the table")
    handles = [
        Line2D([], [], color=colour, label=label)
        for colour, label in ((GREY, "on rows it trains on"), (PALETTE["blue"], "on rows it has never seen"))
    ]
    left.legend(handles=handles, loc="upper left")
    ends = test[..., -3:].mean(axis=-1)
    right.plot(shares, ends.mean(axis=1), color=PALETTE["blue"], linewidth=0.8)
    right.plot(shares, ends, ".", color=PALETTE["blue"])
    right.axvline(share, color=GREY, linewidth=0.8, linestyle="--")
    right.set_xlabel("trained share of the table")
    right.set_title("accuracy on unseen rows at the end")
    _accuracies(left)
    _accuracies(right)
    return drawing


def _accuracies(axes: Axes) -> None:
    axes.set_ylim(-0.03, 1.05)


def _place(drawing: Figure, left: float = 0.07, right: float = 0.97, wspace: float = 0.2) -> None:
    """Fixed places of the axes: to find them anew for each view takes longer than to draw it."""
    drawing.set_layout_engine(None)
    drawing.subplots_adjust(left=left, right=right, bottom=0.19, top=0.88, wspace=wspace)
