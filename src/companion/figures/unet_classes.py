"""The two classes of a pair of images in all figures: their colours, their names, and the lines of their losses."""

from collections.abc import Sequence
from typing import Any

import xarray as xr
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D

from companion.figures.style import PALETTE

#: Colours of class 0 and class 1 of a pair.
CLASS_COLOURS = (PALETTE["blue"], PALETTE["vermilion"])
#: Dashes of losses on training images and on held-out ones.
TRAIN_DASHES: Any = (0, (4, 1.5))
TEST_DASHES: Any = "-"


def class_names(data: xr.Dataset) -> tuple[str, str]:
    """Names of the two classes, from the coordinate ``class_name`` (label); "class 1" and "class 2" without one.

    Raises ValueError where the coordinate still depends on the pair: choose one first.

    >>> class_names(xr.Dataset(coords={"class_name": ("label", ["Bag", "Trouser"])}))
    ('Bag', 'Trouser')
    """
    if "class_name" not in data.coords:
        return "class 1", "class 2"
    names = data.class_name
    if names.dims != ("label",) or names.size != 2:
        raise ValueError(f"class_name: dims {names.dims} given, allowed are two names along 'label'")
    return str(names.values[0]), str(names.values[1])


def class_handles(names: Sequence[str], **line: Any) -> list[Line2D]:
    """Entries of a legend for the two classes."""
    return [
        Line2D([], [], color=colour, label=name, **line)
        for colour, name in zip(CLASS_COLOURS, names, strict=True)
    ]


def class_shades(label: int, count: int) -> list[str]:
    """``count`` tones of the colour of class ``label``, dark to pale, none too pale for white paper.

    >>> class_shades(0, 1) == [CLASS_COLOURS[0].lower()]
    True
    """
    red, green, blue = to_rgb(CLASS_COLOURS[label])
    pale = [0.62 * place / max(count - 1, 1) for place in range(count)]
    return [to_hex((red + (1 - red) * p, green + (1 - green) * p, blue + (1 - blue) * p)) for p in pale]
