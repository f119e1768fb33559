"""Figures as pictures: what an explorer shows after each move of a control.

No figure of the project is known to pyplot, so that IPython has no way of its own to draw one.
"""

import io
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from companion.figures.style import styled

if TYPE_CHECKING:
    from IPython.display import Image

_DOTS = 220  # per inch; shown at half size, so that screens with dense pixels get them all


def picture(figure: Figure) -> "Image":
    """A figure as PNG, described by its titles, which ``IPython.display.display`` shows in any notebook.

    >>> drawing = Figure(figsize=(2.0, 1.0))
    >>> picture(drawing).width
    220
    """
    from IPython.display import Image

    page = io.BytesIO()
    for axes in figure.axes:
        axes.minorticks_off()  # on logarithmic axes they take as long as all the rest
    with styled():  # fonts and formulas are looked up while the figure is drawn
        figure.savefig(page, format="png", dpi=_DOTS)
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    width = round(_DOTS * figure.get_figwidth() / 2)
    return Image(page.getvalue(), format="png", width=width, alt="; ".join(filter(None, titles)))
