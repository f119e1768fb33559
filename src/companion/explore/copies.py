"""Generated images above the training images nearest to them."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from companion.figures.style import PALETTE

#: Samples count as copies where d_1/d_2 is smaller (arXiv:2505.17638).
THRESHOLD = 1 / 3


def draw_copies(axes: Axes, samples: NDArray, nearest: NDArray, ratio: NDArray[np.float64]) -> None:
    """``samples`` (n, h, w) side by side above ``nearest`` (n, h, w), and below each pair its d_1/d_2, or "copy"."""
    for row, pictures in enumerate((samples, nearest)):
        for place, one in enumerate(pictures):
            axes.imshow(one, cmap="gray_r", extent=(place, place + 0.92, -row - 0.92, -row))
    for place, value in enumerate(ratio):
        copied = bool(value < THRESHOLD)
        text, colour = ("copy", PALETTE["vermilion"]) if copied else (f"{value:.2f}", PALETTE["ink"])
        axes.text(place + 0.46, -2.1, text, color=colour, ha="center")
    bare(axes, len(samples), 2.2)


def bare(axes: Axes, width: float, height: float) -> None:
    """No axes, only what is drawn in ``width`` times ``height`` units below the origin."""
    axes.set_xlim(-0.05, width)
    axes.set_ylim(-height, 0.08)
    axes.set_aspect("equal")
    axes.axis("off")
