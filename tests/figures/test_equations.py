"""Every drawing says by an equation what it shows, and browsers can draw that equation."""

import importlib
import pkgutil
import re
from xml.etree import ElementTree

import pytest

from companion import figures
from companion.figures.described import Drawing
from companion.site.mathml import formula


def _drawings() -> dict[str, Drawing]:
    modules = [
        importlib.import_module(f"{figures.__name__}.{each.name}")
        for each in pkgutil.iter_modules(figures.__path__)
    ]
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Drawing) and vars(value)["__module__"] == module.__name__
    }


DRAWINGS = _drawings()


def test_the_drawings_of_the_package_are_found():
    assert {"unet_clocks.clocks", "score_order.robustness", "evaluation.samples"} <= set(DRAWINGS)


@pytest.mark.parametrize("drawing", DRAWINGS.values(), ids=DRAWINGS)
def test_a_drawing_has_an_equation_that_becomes_mathml(drawing):
    assert drawing.words.equation
    assert not _left(drawing.words.equation)


@pytest.mark.parametrize("tex", [r"\frac{", r"\unknown x", r"x_{\arg}", "a $b$ c"])
def test_what_cannot_be_drawn_is_found(tex):
    assert _left(tex)


def _left(tex: str) -> list[str]:
    """What of ``tex`` is shown as LaTeX: unknown commands keep their backslash, braces of sets stand alone."""
    shown = ElementTree.fromstring(formula(tex, display=True))
    texts = [element.text or "" for element in shown.iter()]
    return [text for text in texts if re.search(r"[\\$]|.[{}]|[{}].", text)]
