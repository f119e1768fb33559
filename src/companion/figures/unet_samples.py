"""A sheet of generated images at several times of training, each with the training image nearest to it."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from companion.figures.described import described
from companion.figures.style import COLUMN_WIDTH, GREY, PALETTE, TEXT_WIDTH, figure
from companion.figures.unet_classes import CLASS_COLOURS, class_names

#: Samples are framed where d_1/d_2 is smaller: the criterion of arXiv:2505.17638.
THRESHOLD = 1 / 3

_COLUMN_HOLDS = 8  # samples side by side in the width of a column
_LARGEST = 0.45  # inches that a picture takes at most
_NUMBER = 0.12  # inches below a pair of pictures


@described(
    title="Samples become copies",
    caption="Generated images (upper row of each step) and, under each, the training image nearest to it; one column "
    "is one latent, the same at all steps, so that differences down a column are the network's. The number is "
    "$d_1/d_2$, its colour the class that a classifier gives (grey: undecided). A frame says that the sample counts "
    "as memorised, $d_1/d_2<1/3$: a ratio, whose tolerance $d_2/3$ is wider for a class whose images lie further "
    "apart. Classes, counts and network are our settings; images are those of one run of the figure of clocks.",
    equation=r"r=\frac{d_1}{d_2}=\frac{\min_i|x-x_i|}{\min_{j\neq i_1}|x-x_j|}<\frac13",
    claims=["p2unet_c1_learn_then_copy"],
)
def sample_sheet(sheet: xr.Dataset) -> Figure:
    """Steps from top to bottom, latents from left to right."""
    samples, nearest = (_pictures(sheet, name) for name in ("sample", "nearest"))
    ratio = sheet.ratio.transpose("step", "shown").values
    kind = sheet.kind.transpose("step", "shown").values
    steps, columns = ratio.shape
    wide = columns > _COLUMN_HOLDS
    inner = (TEXT_WIDTH if wide else COLUMN_WIDTH) - 0.5
    picture = min(_LARGEST, inner / (1.1 * columns))
    cell = 2.02 + _NUMBER / picture + 0.12
    drawing, axes = figure("text" if wide else "column", height=steps * cell * picture + 0.35)
    for row, column in np.ndindex(steps, columns):
        left, top = 1.1 * column, cell * row
        frame = _frame(float(ratio[row, column]), int(kind[row, column]))
        _picture(axes, samples[row, column], left, top, frame)
        _picture(axes, nearest[row, column], left, top + 1.02, frame)
        text = "" if np.isnan(ratio[row, column]) else f"{ratio[row, column]:.2f}"
        look = {"ha": "center", "va": "center", "fontsize": 5, "color": _class_colour(int(kind[row, column]))}
        axes.text(left + 0.5, top + 2.04 + _NUMBER / picture / 2, text, **look)
    axes.set_xlim(-0.08, 1.1 * columns)
    axes.set_ylim(cell * steps - 0.05, -0.08)
    axes.set_aspect("equal")
    axes.set_yticks([cell * row + 1.0 for row in range(steps)], [f"{step:g}" for step in sheet.step.values])
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
    axes.set_ylabel(r"training steps $\tau$")
    handles = [
        Patch(facecolor="none", edgecolor=colour, linewidth=1.2, label=f"memorised: {name}")
        for colour, name in zip(CLASS_COLOURS, class_names(sheet), strict=True)
    ]
    drawing.legend(handles=handles, loc="outside upper center", ncols=2)
    return drawing


def as_text(sheet: xr.Dataset) -> xr.Dataset:
    """``sheet`` with each picture as one text, for a small table: two hexadecimal digits a pixel, row by row.

    ``00`` stands for -1 and less, ``ff`` for 1 and more; `sample_sheet` draws it alike, in 256 tones.
    """
    texts = {}
    for name in ("sample", "nearest"):
        tones = np.clip(np.round((_pictures(sheet, name) + 1) * 127.5), 0, 255).astype(np.uint8)
        steps, shown, height, _ = tones.shape
        rows = [tones[place].tobytes().hex() for place in np.ndindex(steps, shown)]
        texts[f"{name}_text"] = (("step", "shown"), np.reshape(rows, (steps, shown)), {"height": height})
    return sheet.drop_vars(["sample_picture", "nearest_picture"]).assign(texts)


def _pictures(sheet: xr.Dataset, name: str) -> NDArray[np.float64]:
    """Pictures (step, shown, height, width) in [-1, 1], from numbers or from the text of `as_text`."""
    if f"{name}_text" not in sheet:
        return sheet[f"{name}_picture"].transpose("step", "shown", "height", "width").values.astype(float)
    text = sheet[f"{name}_text"].transpose("step", "shown")
    tones = [list(bytes.fromhex(str(row))) for row in text.values.ravel()]
    return np.reshape(tones, (*text.shape, int(text.attrs["height"]), -1)) / 127.5 - 1


def _class_colour(kind: int) -> str:
    return CLASS_COLOURS[kind] if kind >= 0 else GREY


def _frame(ratio: float, kind: int) -> str | None:
    if not ratio < THRESHOLD:
        return None
    return CLASS_COLOURS[kind] if kind >= 0 else PALETTE["ink"]


def _picture(axes: Axes, picture: NDArray[np.float64], left: float, top: float, frame: str | None) -> None:
    extent = (left, left + 1, top + 1, top)
    axes.imshow(picture, cmap="gray_r", vmin=-1, vmax=1, extent=extent, interpolation="nearest")
    look = (
        {"edgecolor": frame, "linewidth": 1.1, "zorder": 3}
        if frame
        else {"edgecolor": "#C8C8C8", "linewidth": 0.3}
    )
    axes.add_patch(Rectangle((left, top), 1, 1, facecolor="none", **look))
