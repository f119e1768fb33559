"""Words that fit a page of another width: labels for panels that moved, lines that break, numbers that stay apart."""

import itertools
import re
from collections.abc import Iterator
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from companion.figures.legibility import tick_labels, titles
from companion.figures.page import Page

_POINTS = 72.0
_BESIDE_LETTER = 3.0  # points between a panel's letter and its title
_SLANT = 35  # degrees of names that stand too close below an axis
# Words end at spaces, though not at those inside a formula.
_WORD = re.compile(r"(?:\$[^$]*\$|[^\s$])+")


def fit(drawing: Page) -> None:
    """Make the words of ``drawing`` fit the places of its panels. Twice has the effect of once."""
    _label_moved_panels(drawing)
    drawing.draw_without_rendering()
    for axes in drawing.axes:
        if axes.get_visible() and axes.axison:
            _fit_title(axes)
            _fit_label(axes.xaxis, axes.get_window_extent().width)
            _fit_label(axes.yaxis, axes.get_window_extent().height)
    drawing.draw_without_rendering()
    for axes in drawing.axes:
        if axes.get_visible() and axes.axison:
            _keep_apart(axes.xaxis)
    drawing.draw_without_rendering()


def _label_moved_panels(drawing: Page) -> None:
    """Give panels that have moved the labels and numbers that stood left of their row or below their column."""
    panels, places = drawing.panels, drawing.arrangement.places
    rows, columns = places.shape[:2]
    shown = {tuple(places[place][:2]): axes for place, axes in panels.items()}
    labelled = [[bool(panels[row, column].get_ylabel()) for column in range(columns)] for row in range(rows)]
    for (row, column), axes in panels.items():
        if axes.get_figure() is None or not axes.axison or not axes.has_data():
            continue
        line, position = places[row, column][:2]
        if column and position == 0:
            lefts = [panels[row, before] for before in reversed(range(column))]
            same = axes.get_shared_y_axes().joined(axes, lefts[0])
            for_all = labelled[row][0] and not any(labelled[row][1:])
            _take_label("y", axes, lefts, always=same or for_all)
        below = shown.get((line + 1, position))
        if row + 1 < rows and not (below and axes.get_shared_x_axes().joined(axes, below)):
            _take_label("x", axes, [panels[after, column] for after in range(row + 1, rows)])


def _take_label(name: Literal["x", "y"], axes: Axes, others: list[Axes], *, always: bool = False) -> None:
    """Numbers, if they were left out, and the label of the nearest of ``others`` with one."""
    axis, side = (axes.xaxis, "labelbottom") if name == "x" else (axes.yaxis, "labelleft")
    if axis.get_tick_params()[side] and not always:
        return
    axes.tick_params(axis=name, **{side: True})
    labels = (other.get_xlabel() if name == "x" else other.get_ylabel() for other in others)
    if not axis.label.get_text():
        axis.label.set_text(next(filter(None, labels), ""))


def _fit_title(axes: Axes) -> None:
    """A title in the middle makes room for the letter at the left, and breaks into lines."""
    middle, left, right = titles(axes)
    panel = axes.get_window_extent()
    slot = _slot(axes)
    if middle.get_text() and left.get_text() and _box(middle).x0 < _box(left).x1 + _points(axes, 1):
        start = _box(left).x1 + _points(axes, _BESIDE_LETTER)
        middle.set_horizontalalignment("left")
        middle.set_x((start - panel.x0) / panel.width)
        _break(middle, slot.x1 - start)
    else:
        _break(middle, slot.width)
    _break(right, slot.width)


def _slot(axes: Axes) -> Bbox:
    """The place of a panel with its labels, up to where its neighbour's begins."""
    panel, spec, drawing = axes.get_window_extent(), axes.get_subplotspec(), axes.get_figure(root=True)
    if spec is None or drawing is None:
        return panel
    columns = spec.get_gridspec().ncols
    right = drawing.bbox.width * (spec.colspan.stop / columns) - _points(axes, 2)
    return Bbox.from_extents(panel.x0, panel.y0, max(right, panel.x1), panel.y1)


def _fit_label(axis: Axis, length: float) -> None:
    """Break the label of an axis where it is longer than the axis by more than a fifth."""
    label = axis.label
    if label.get_text() and _length(label) > 1.2 * length:
        _break(label, 1.2 * length)


def _break(text: Text, room: float) -> None:
    """Break ``text`` into lines no longer than ``room`` pixels, as evenly as its words allow."""
    if not text.get_text() or "\n" in text.get_text() or _length(text) <= room:
        return
    words, whole = _WORD.findall(text.get_text()), text.get_text()
    best, least = whole, _length(text)
    for number in range(2, len(words) + 1):
        for lines in _broken(words, number):
            text.set_text("\n".join(" ".join(line) for line in lines))
            if _length(text) < least:
                best, least = text.get_text(), _length(text)
        if least <= room:
            break
    text.set_text(best)


def _broken(words: list[str], number: int) -> Iterator[list[list[str]]]:
    """Ways to break ``words`` into ``number`` lines: the first ends at each possible place, the rest are even."""
    for end in range(1, len(words) - number + 2):
        rest = [list(part) for part in np.array_split(np.array(words[end:], dtype=object), number - 1)]
        yield [words[:end], *rest]


def _keep_apart(axis: Axis) -> None:
    """Where labels below an axis touch: every other number goes, names are written at a slant."""
    for _ in range(3):
        shown = [label for label in tick_labels(axis) if label.get_text()]
        boxes = [_box(label) for label in shown]
        gap = _points(axis.axes, 1)
        if all(one.x1 + gap < other.x0 for one, other in itertools.pairwise(boxes)):
            return
        if not all(_is_number(label.get_text()) for label in shown):
            axis.set_tick_params(rotation=_SLANT)
            for label in shown:
                label.set_horizontalalignment("right")
                label.set_rotation_mode("anchor")
            return
        for label in shown[1::2]:
            label.set_visible(False)


def _is_number(text: str) -> bool:
    plain = re.sub(r"\\mathdefault|\\times|[${}^−\-.,\d\s]", "", text)
    return not plain


def _points(axes: Axes, points: float) -> float:
    """Pixels of ``points``."""
    drawing = axes.get_figure(root=True)
    assert drawing is not None
    return points * drawing.dpi / _POINTS


def _length(text: Text) -> float:
    """Pixels that a text takes along its lines."""
    box = _box(text)
    return box.height if text.get_rotation() == 90 else box.width


def _box(text: Text) -> Bbox:
    return text.get_window_extent()
