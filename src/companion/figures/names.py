"""Names above a panel, at the places of vertical lines and yet apart from each other."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from companion.figures.style import GREY

_INCHES = 0.085  # that a rotated name takes


def names_above(axes: Axes, places: ArrayLike, names: Sequence[str], *, colours: Sequence[str] = ()) -> None:
    """Write ``names`` upright above ``axes``, a panel of a grid, each with a stroke to its place in x.

    Where places are closer than letters are wide the names are moved apart. The limits in x must be set.
    """
    order = np.argsort(places, kind="stable")
    ascending = np.asarray(places, dtype=float)[order]
    left, right = axes.get_xlim()
    drawing, spec = axes.get_figure(root=True), axes.get_subplotspec()
    assert drawing is not None and spec is not None
    inches = drawing.get_figwidth() * len(spec.colspan) / spec.get_gridspec().ncols
    moved = apart(ascending, _INCHES / inches * (right - left), right)
    above = axes.get_xaxis_transform()
    for index, place, shown in zip(order, ascending, moved, strict=True):
        colour = colours[int(index)] if colours else GREY
        axes.plot([place, shown], [1.0, 1.05], transform=above, color=colour, linewidth=0.4, clip_on=False)
        look = {"rotation": 90, "ha": "center", "va": "bottom", "fontsize": 5, "color": colour}
        axes.text(shown, 1.06, names[int(index)], transform=above, **look)


def apart(places: NDArray[np.float64], gap: float, end: float) -> NDArray[np.float64]:
    """Places as near to the given ones, ascending, as a distance of ``gap`` allows, none beyond ``end``.

    >>> apart(np.array([0.0, 0.5, 0.5]), 0.2, 1.0).round(3).tolist()
    [0.0, 0.4, 0.6]
    """
    steps = gap * np.arange(len(places))
    return np.minimum(isotonic_regression(places - steps).x, end - gap * (len(places) - 1)) + steps
