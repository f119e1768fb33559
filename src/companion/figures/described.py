"""Drawing functions that carry their words: title, caption, equation, and the claims they support."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import xarray as xr
from matplotlib.figure import Figure

from companion.figures.style import styled


@dataclass(frozen=True)
class Words:
    """What stands beside a figure. ``equation`` is LaTeX without dollars, ``claims`` are ids."""

    title: str
    caption: str
    equation: str | None = None
    claims: tuple[str, ...] = ()


class Drawing:
    """A function from a Dataset to a Figure, in the project's style, and its words."""

    def __init__(self, draw: Callable[[xr.Dataset], Figure], words: Words):
        functools.update_wrapper(self, draw)
        self._draw = draw
        self.words = words

    def __call__(self, data: xr.Dataset) -> Figure:
        with styled():
            return self._draw(data)


def described(
    *, title: str, caption: str, equation: str | None = None, claims: Sequence[str] = ()
) -> Callable[[Callable[[xr.Dataset], Figure]], Drawing]:
    """Decorate a drawing function with the words that `save` writes beside its figure.

    The words say what is drawn, not what comes out: results belong into verdicts.
    """
    words = Words(title, caption, equation, tuple(claims))
    return lambda draw: Drawing(draw, words)
