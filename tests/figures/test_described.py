"""A described drawing brings its words to the saved figure."""

import json

import pytest
import xarray as xr

from companion.figures.described import described
from companion.figures.save import save
from companion.figures.style import figure


@described(title="A point", caption="Where it is.", equation="x=1", claims=["p1_c1_discrete_minima"])
def point(data):
    """Draw it."""
    drawing, axes = figure()
    axes.plot([float(data.x)], [0.0], "o")
    return drawing


DATA = xr.Dataset({"x": 1.0}, attrs={"companion_key": "k", "companion_function": "f"})


def test_words_and_picture_are_saved_together(project):
    saved = save("p1_f1_point", point, DATA)
    about = json.loads(saved.path(".json").read_text())
    assert [about[name] for name in ("title", "caption", "equation", "claims")] == [
        "A point",
        "Where it is.",
        "x=1",
        ["p1_c1_discrete_minima"],
    ]
    assert saved.path(".png").stat().st_size > 0


def test_a_drawing_is_a_function_still():
    assert point.__doc__ == "Draw it."
    assert len(point(DATA).axes) == 1


def test_a_figure_without_words_is_refused(project):
    with pytest.raises(ValueError, match="title"):
        save("p1_f1_point", point(DATA), DATA)
