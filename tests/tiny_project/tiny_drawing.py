"""Figures of the tiny project."""

import xarray as xr
from matplotlib.figure import Figure

from companion.figures.style import figure, styled

COLOUR = "black"


@styled()
def powers(data: xr.Dataset) -> Figure:
    """Numbers against powers."""
    drawing, axes = figure()
    axes.plot(data.number, data.power, color=COLOUR)
    return drawing


@styled()
def walks(data: xr.Dataset) -> Figure:
    """Ends of walks."""
    drawing, axes = figure()
    axes.plot(data.end, color=COLOUR)
    return drawing
