"""Whether a figure can be read: words that touch each other or leave the page, panels too small to show anything."""

import itertools
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from companion.figures.page import TALLEST

_TOUCHING = 1.5  # points by which boxes of words may overlap: letters hardly fill them
_NARROWEST, _LOWEST = 0.55, 0.45  # inches of a panel inside its axes
_COVERED = 0.3  # share of a panel behind its legend
_POINTS = 72.0

_Written = tuple[str, Bbox, float]
"""What is written, its place on the page, and its slant in degrees."""


def flaws(drawing: Figure) -> list[str]:
    """What makes ``drawing`` hard to read, in words; empty where nothing does. Its layout must be done."""
    dots = drawing.dpi
    found = []
    boxes = list(_boxes(drawing))
    overlap = _TOUCHING * dots / _POINTS
    for (name, one, slant), (other_name, other, other_slant) in itertools.combinations(boxes, 2):
        common = Bbox.intersection(one, other)
        parallel = slant and slant == other_slant  # boxes overlap, letters do not
        if common is not None and min(common.width, common.height) > overlap and not parallel:
            found.append(f"{name} touches {other_name}")
    page = drawing.bbox
    for name, box, _ in boxes:
        beyond = max(page.x0 - box.x0, box.x1 - page.x1, page.y0 - box.y0, box.y1 - page.y1)
        if beyond > overlap:
            found.append(f"{name} leaves the page")
    found += _small(_panels(drawing), dots)
    if drawing.get_figheight() > TALLEST:
        found.append(f"a height of {drawing.get_figheight():.1f} in")
    return found


def _small(panels: list[Axes], dots: float) -> Iterator[str]:
    """Panels too small to show anything, and those that their legend covers."""
    tallest = max((axes.get_window_extent().height for axes in panels), default=0.0)
    for axes in panels:
        box = axes.get_window_extent()
        strip = box.height < 0.5 * tallest  # meant to be low
        if box.width < _NARROWEST * dots or (box.height < _LOWEST * dots and not strip):
            yield f"a panel of {box.width / dots:.2f} x {box.height / dots:.2f} in"
        if (legend := axes.get_legend()) is not None and axes.has_data():
            covered = legend.get_window_extent()
            if covered.width * covered.height > _COVERED * box.width * box.height:
                yield "a legend covers its panel"


def _panels(drawing: Figure) -> list[Axes]:
    """Panels that show data: no colour bars, no insets, none that is hidden."""
    return [
        axes
        for axes in drawing.axes
        if axes.get_visible() and axes.axison and axes.get_subplotspec() and not hasattr(axes, "_colorbar")
    ]


def _boxes(drawing: Figure) -> Iterator[_Written]:
    """Everything written: each title, label, number, and each legend as a whole."""
    yield from _texts(drawing.texts)
    for legend in drawing.legends:
        yield "a legend", legend.get_window_extent(), 0.0
    for axes in drawing.axes:
        if not axes.get_visible():
            continue
        if (legend := axes.get_legend()) is not None and legend.get_visible():
            yield "a legend", legend.get_window_extent(), 0.0
        yield from _texts([*titles(axes), *axes.texts])
        if axes.axison:
            for axis in (axes.xaxis, axes.yaxis):
                yield from _texts([axis.label, axis.get_offset_text(), *tick_labels(axis)])


def titles(axes: Axes) -> tuple[Text, Text, Text]:
    """The titles of ``axes`` in the middle, at the left and at the right."""
    middle, left, right = [child for child in axes.get_children() if isinstance(child, Text)][-3:]
    return middle, left, right


def tick_labels(axis: Axis) -> list[Text]:
    """Labels of the ticks of ``axis`` that are drawn: matplotlib keeps some beyond its ends."""
    low, high = sorted(axis.get_view_interval())
    scaled = axis.get_transform().transform
    ends, slack = scaled([low, high]), 1e-6 * abs(np.diff(scaled([low, high])))
    ticks = [
        t for t in axis.get_major_ticks() if ends[0] - slack <= scaled([t.get_loc()])[0] <= ends[1] + slack
    ]
    return [label for tick in ticks for label in (tick.label1, tick.label2) if label.get_visible()]


def _texts(texts: list[Text]) -> Iterator[_Written]:
    for text in texts:
        if text.get_visible() and text.get_text().strip():
            yield repr(text.get_text()), text.get_window_extent(), text.get_rotation() % 90
