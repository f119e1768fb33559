"""One PDF with all figures of a profile by paper, their captions, equations and verdicts, and a table of claims."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.image import imread
from PIL import Image
from pypdf import PageObject, PdfReader, PdfWriter, Transformation
from pypdf.annotations import Link
from pypdf.errors import PyPdfError
from pypdf.generic import DictionaryObject, NameObject

from companion.figures.style import styled
from companion.site.book_pages import (
    TEXT_WIDTH,
    Page,
    claim_pages,
    contents_pages,
    figure_pages,
    title_page,
)
from companion.site.inventory import DrawnFigure
from companion.site.mathml import text_without_formulas
from companion.site.papers import Paper
from companion.site.verdicts import ClaimRow, claims_of_figure

_ENLARGED = 1.4  # at most: small figures stay small
_PNG_DPI = 300.0  # of an image that does not say


@dataclass(frozen=True)
class Book:
    """The PDF, how many pages it has, and for which figures an image stands in, each with the reason."""

    content: bytes
    pages: int
    substitutes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Picture:
    """A figure to be placed: a page of another PDF, or an image; neither where there is none. Size in points."""

    width: float = TEXT_WIDTH
    height: float = 20.0
    page: PageObject | None = None
    image: str | None = None
    missing: str = ""


@styled()
def make_book(profile: str, figures: Sequence[DrawnFigure], rows: Sequence[ClaimRow]) -> Book:
    """The book of ``figures``, in the order of the papers, and the claims ``rows``. Equal inputs give equal bytes."""
    pictures = {figure.id: _picture(figure) for figure in figures}
    entries = {row.id: row.entry for row in rows}
    chapters = [(paper, list(some)) for paper, some in groupby(figures, key=lambda figure: figure.paper)]
    body: list[Page] = []
    starts: dict[str, int] = {}
    placed: list[tuple[Page, _Picture]] = []
    for _, some in chapters:
        for figure in some:
            starts[figure.id] = len(body)
            claims = claims_of_figure(figure.id, figure.record.claims, entries)
            picture = pictures[figure.id]
            pages = figure_pages(figure, claims, (picture.width, picture.height), _ENLARGED)
            placed.append((pages[0], picture))
            body += pages
    table = claim_pages(rows) if rows else []
    front = [title_page(profile, figures, rows)]
    listed = list(_listed(chapters, starts, len(body) if table else None))
    count = len(contents_pages(listed, 0))
    front += contents_pages(listed, len(front) + count)
    pages = [*front, *body, *table]
    writer = _drawn(pages, placed)
    _linked(writer, front, len(front))
    _outlined(writer, listed, len(front))
    written = io.BytesIO()
    writer.compress_identical_objects()
    writer.write(written)
    missing = {name: picture.missing for name, picture in pictures.items() if picture.missing}
    return Book(written.getvalue(), len(pages), missing)


def _listed(
    chapters: list[tuple[Paper, list[DrawnFigure]]], starts: dict[str, int], table: int | None
) -> Iterator[tuple[int, str, int]]:
    """Level, title and page (from 0, in the body) of each entry of the contents."""
    for paper, figures in chapters:
        title = paper.title if paper.label == paper.title else f"{paper.label} · {paper.title}"
        yield 0, title, starts[figures[0].id]
        for figure in figures:
            yield 1, figure.title, starts[figure.id]
    if table is not None:
        yield 0, "Claims", table


def _drawn(pages: list[Page], placed: list[tuple[Page, _Picture]]) -> PdfWriter:
    of_page = {id(page): picture for page, picture in placed}
    texts = io.BytesIO()
    # Without the time of its making, equal inputs give equal bytes.
    with PdfPages(texts, metadata={"CreationDate": None}) as document:
        for number, page in enumerate(pages, 1):
            picture = of_page.get(id(page))
            drawing = page.drawn(number if number > 1 else None)
            if picture and picture.image and page.place:
                axes = drawing.add_axes(page.place_in_figure())
                axes.imshow(imread(picture.image), aspect="auto", interpolation="none")
                axes.set_axis_off()
            document.savefig(drawing)
    writer = PdfWriter(clone_from=io.BytesIO(texts.getvalue()))
    for number, page in enumerate(pages):
        picture = of_page.get(id(page))
        if picture is None or picture.page is None or page.place is None:
            continue
        x, y, width, _ = page.place
        _own_resources(writer.pages[number])
        scale = width / picture.width
        box = picture.page.mediabox
        moved = Transformation().translate(-float(box.left), -float(box.bottom)).scale(scale).translate(x, y)
        writer.pages[number].merge_transformed_page(picture.page, moved)
        writer.pages[number].compress_content_streams()
    return writer


def _own_resources(page: PageObject) -> None:
    """Matplotlib gives all pages one table of resources; what is merged into a page should enter only its own."""
    shared = page["/Resources"].get_object()
    if isinstance(shared, DictionaryObject):
        own = DictionaryObject(shared)
        for name, resource in shared.items():
            if isinstance(table := resource.get_object(), DictionaryObject):
                own[NameObject(name)] = DictionaryObject(table)
        page[NameObject("/Resources")] = own


def _linked(writer: PdfWriter, front: list[Page], before: int) -> None:
    for number, page in enumerate(front):
        for rectangle, target in page.links:
            writer.add_annotation(number, Link(rect=rectangle, target_page_index=before + target))


def _outlined(writer: PdfWriter, listed: list[tuple[int, str, int]], before: int) -> None:
    parent = None
    for level, title, page in listed:
        item = writer.add_outline_item(
            title=text_without_formulas(title),
            page_number=before + page,
            parent=parent if level else None,
            is_open=bool(level),
        )
        parent = parent if level else item


def _picture(figure: DrawnFigure) -> _Picture:
    missing = "it has no PDF"
    if ".pdf" in figure.files:
        try:
            page = PdfReader(figure.files[".pdf"]).pages[0]
            return _Picture(float(page.mediabox.width), float(page.mediabox.height), page=page)
        except (PyPdfError, OSError, IndexError) as error:
            missing = f"its PDF cannot be read: {error}"
    if ".png" not in figure.files:
        return _Picture(missing=f"{missing}, and it has no image either")
    path = figure.files[".png"]
    with Image.open(path) as image:
        (width, height), (dpi, _) = image.size, image.info.get("dpi", (_PNG_DPI, _PNG_DPI))
    return _Picture(72 * width / dpi, 72 * height / dpi, image=str(path), missing=missing)
