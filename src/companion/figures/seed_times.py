"""Times of each seed about one place of an axis, those of a seed joined, and triangles for what is not reached."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray


def seed_times(
    axes: Axes,
    place: float,
    times: Sequence[NDArray],
    colour: str,
    marker: str,
    end: float,
    spread: float = 0.2,
) -> None:
    """Up to two ``times`` (seeds,) about ``place``, in steps and inf where not reached: filled marks, then open ones.

    What is not reached stands a little above ``end``, open triangles larger and behind, so that both are seen.
    """
    count = len(times[0])
    at = place + (np.linspace(-spread, spread, count) if count > 1 else np.zeros(1))
    heights = [np.minimum(each, 1.04 * end) for each in times]
    if len(heights) > 1:
        axes.vlines(at, heights[0], heights[1], color=colour, linewidth=0.6, alpha=0.7)
    for each, height, fill, size, order in zip(
        times, heights, (colour, "white"), (3.0, 5.0), (3.2, 3.0), strict=False
    ):
        late = np.isinf(each)
        look: dict[str, Any] = {"color": colour, "linestyle": "", "markerfacecolor": fill, "zorder": order}
        look |= {"markeredgewidth": 0.7}
        axes.plot(at[~late], height[~late], marker, markersize=3.2, **look)
        axes.plot(at[late], height[late], "^", markersize=size, **look)
