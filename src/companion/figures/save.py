"""A figure on disk: PDF and PNG to look at, its numbers as CSV, and where they come from as JSON."""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr
from matplotlib.figure import Figure
from PIL import Image

from companion.figures.described import Drawing, Words
from companion.figures.page import asked_width
from companion.figures.readable import narrowest, redraw
from companion.figures.style import COLUMN_WIDTH, styled
from companion.figures.tables import tidy_csv
from companion.session import current as session_current
from companion.session import events
from companion.session.files import write_atomically, write_json
from companion.settings.notebook import is_figure_id
from companion.store.content import dataset_digest

#: PNGs are tracked, so each stays below this many bytes; a heavier one is drawn again, coarser.
LARGEST_PNG = 150_000

_FINE, _COARSER = 300, (240, 200, 160, 120)
_WIDE = 220  # dots per inch beyond the column width
# Parameters that say who works and how the device was asked for; the resolved device stands apart.
_NOT_PHYSICS = ("cluster", "device")


@dataclass(frozen=True)
class SavedFigure:
    """A saved figure; as the last expression of a cell it shows itself."""

    id: str
    title: str
    folder: Path

    def path(self, suffix: str) -> Path:
        """Its file with ``suffix``: .pdf, .png, .csv or .json."""
        return self.folder / f"{self.id}{suffix}"

    def __repr__(self) -> str:
        return f"{self.id}: {self.title}"

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        picture = self.path(".png").read_bytes()
        width = int.from_bytes(picture[16:20], "big")
        shown = {"text/plain": repr(self), "image/png": base64.b64encode(picture).decode("ascii")}
        return shown, {"image/png": {"width": min(width // 2, 900)}}


def save(
    id: str,
    figure: Figure | Drawing,
    data: xr.Dataset,
    *,
    title: str = "",
    caption: str = "",
    equation: str | None = None,
    claims: Sequence[str] = (),
    sources: Sequence[xr.Dataset] = (),
) -> SavedFigure:
    """Save a figure with the numbers that it shows; every file is whole, and the same when repeated.

    ``figure`` is a described drawing function, which is called with ``data`` and brings its words, or a Figure
    with the words given here: ``equation`` is LaTeX without dollars, ``claims`` the ids of the claims that it
    supports. ``data`` is tabulated as drawn and must come from the store, as must any further ``sources``. Writes
    <id>.pdf, .png, .csv and, last, .json to the session's figure folder (figures/laptop without a session) and
    emits an event "figure". Where the session asks for another width, the JSON says how the figure reads there.
    Raises ValueError for numbers that are not stored, a name that is no figure id, or a figure without title or
    caption.
    """
    if not is_figure_id(id):
        raise ValueError(f"id: {id!r} given, allowed is an id like p1_f1_loss_histogram")
    words = figure.words if isinstance(figure, Drawing) else Words(title, caption, equation, tuple(claims))
    for name, text in (("title", words.title), ("caption", words.caption)):
        if not text.strip():
            raise ValueError(f"figure {id!r}: {name} {text!r} given, allowed is text that is not empty")
    keys = {_stored_key(id, dataset) for dataset in (data, *sources)}
    session = session_current.current()
    profile = session.profile if session else "laptop"
    parameters = dict(session.parameters) if session else {}
    description = {
        "id": id,
        "title": words.title,
        "caption": words.caption,
        "equation": words.equation,
        "claims": list(words.claims),
        "notebook": session.notebook if session else "",
        "profile": profile,
        "parameters": {name: _plain(value) for name, value in parameters.items() if name not in _NOT_PHYSICS},
        "data_key": data.attrs["companion_key"],
        "data_function": data.attrs.get("companion_function", ""),
        "data_digest": dataset_digest(data),
        "keys": sorted(keys),
        "seed": parameters.get("seed"),
        "device": session.device if session else "cpu",
    }
    saved = SavedFigure(id, words.title, session_current.figures_folder(profile))
    table = tidy_csv(data)
    drawn, on_page = _drawn(figure, data)
    if on_page:
        description["page"] = on_page
    pdf, png = _rendered(drawn, words.title)
    write_atomically(saved.path(".pdf"), pdf)
    write_atomically(saved.path(".png"), png)
    write_atomically(saved.path(".csv"), table)
    write_json(saved.path(".json"), description)  # last: where it stands, the others do
    events.emit("figure", id=id)
    return saved


def _drawn(figure: Figure | Drawing, data: xr.Dataset) -> tuple[Figure, dict[str, Any]]:
    """The figure, and how it reads where it was redrawn for a page of another width."""
    inches = asked_width()
    if inches is None:
        return (figure(data) if isinstance(figure, Drawing) else figure), {}

    def draw() -> Figure:
        return figure(data) if isinstance(figure, Drawing) else figure

    found = redraw(draw, inches)
    width, height = (float(side) for side in found.figure.get_size_inches())
    on_page: dict[str, Any] = {"width": width, "height": height, "flaws": list(found.flaws)}
    if found.flaws and isinstance(figure, Drawing):
        on_page["readable_from"] = narrowest(draw, inches)
    return found.figure, on_page


def _stored_key(id: str, dataset: xr.Dataset) -> str:
    key = dataset.attrs.get("companion_key")
    if not isinstance(key, str) or not key:
        raise ValueError(
            f"figure {id!r}: its data have no companion_key; no figure is drawn from unsaved numbers. "
            "Give the dataset that a @stored function returned, or a selection that keeps its attributes."
        )
    return key


def _plain(value: Any) -> Any:
    """A parameter as JSON takes it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(member) for name, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, list | tuple) else value


def _rendered(figure: Figure, title: str) -> tuple[bytes, bytes]:
    """The figure as PDF and PNG, from one layout; style and layout engine are as before afterwards."""
    engine = figure.get_layout_engine()
    with styled():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # each format would move the axes by its own text metrics
        try:
            pdf = _printed(
                figure, "pdf", 72, {"Title": title, "Creator": None, "Producer": None, "CreationDate": None}
            )
            return pdf, _light_png(figure)
        finally:
            figure.set_layout_engine(engine)


def _light_png(figure: Figure) -> bytes:
    """The sharpest picture that is light enough; one in few colours where coarser ones are not enough."""
    first = _FINE if figure.get_figwidth() <= COLUMN_WIDTH else _WIDE
    pictures = []
    for dots in (first, *(coarser for coarser in _COARSER if coarser < first)):
        pictures.append(_printed(figure, "png", dots, {"Software": None}))
        if len(pictures[-1]) < LARGEST_PNG:
            return pictures[-1]
    lighter = [_in_few_colours(picture) for picture in pictures]
    return next((picture for picture in lighter if len(picture) < LARGEST_PNG), lighter[-1])


def _in_few_colours(picture: bytes) -> bytes:
    """The picture with a palette: about a third of the size, and hardly to be told apart."""
    page = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        few = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
        few.save(page, "png", optimize=True)
    return page.getvalue()


def _printed(figure: Figure, kind: str, dots: int, metadata: dict[str, Any]) -> bytes:
    page = io.BytesIO()
    options: dict[str, Any] = {"pil_kwargs": {"optimize": True}} if kind == "png" else {}
    figure.savefig(page, format=kind, dpi=dots, metadata=metadata, **options)
    return page.getvalue()
