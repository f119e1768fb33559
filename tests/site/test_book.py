"""One PDF of a small project: its pages, outline, links and texts, the same bytes each time."""

import io
import re

import pytest
from matplotlib.figure import Figure
from pypdf import PdfReader

from companion.figures.style import styled
from companion.site.book import make_book
from companion.site.book_pages import HEIGHT, figure_pages
from companion.site.inventory import take_inventory
from companion.site.typeset import Type, lines_of, width_of
from companion.site.verdicts import claim_rows


def drawn_pdf(word):
    """A PDF of a page of a figure's size that says ``word``."""
    buffer = io.BytesIO()
    drawing = Figure(figsize=(6.75, 2))
    drawing.text(0.4, 0.5, word)
    drawing.savefig(buffer, format="pdf")
    return buffer.getvalue()


@pytest.fixture
def filled(small_project):
    """Two figures of one paper, one of another without a PDF, one with a damaged PDF; two claims."""
    small_project.figure(claims=["p1_c1_minima"], pdf=False)
    small_project.write("figures/laptop/p1_f1_losses.pdf", drawn_pdf("seen-in-the-first-figure"))
    small_project.figure("p1_f2_stability", title="Stability", equation=r"a \qquad \begin{cases}b\end{cases}")
    small_project.figure("p3_f1_paths", title="Paths of $R_{11}$", pdf=False, notebook="p3_specialisation")
    small_project.figure(profile="smoke")
    small_project.claims(
        p1_c1_minima=small_project.claim(regimes=[small_project.regime("holds")]),
        p3_c1_later=small_project.claim(
            "p3_c1_later", verdict="fails", deciding_profile="night", decides=False
        ),
    )
    return small_project


def book_of(project):
    inventory = take_inventory(project.root)
    figures = [figure for figure in inventory.figures if figure.profile == "laptop"]
    return make_book("laptop", figures, claim_rows({"laptop": inventory.claims["laptop"]}, {}))


def outline(reader):
    """Level, title and page (from 1) of each bookmark."""

    def walk(items, level):
        for item in items:
            if isinstance(item, list):
                yield from walk(item, level + 1)
            else:
                yield level, item.title, reader.get_destination_page_number(item) + 1

    return list(walk(reader.outline, 0))


def test_pages_outline_links_and_texts(filled):
    book = book_of(filled)
    reader = PdfReader(io.BytesIO(book.content))
    texts = [" ".join(page.extract_text().split()) for page in reader.pages]
    assert len(texts) == book.pages == 6  # title, contents, three figures, claims
    assert outline(reader) == [
        (0, "P1 · Local minima of two-layer ReLU networks", 3),
        (1, "Losses at K = 10", 3),
        (1, "Stability", 4),
        (0, "P3 · Initialisation decides specialisation", 5),
        (1, "Paths of R_11", 5),
        (0, "Claims", 6),
    ]
    assert "3 figures" in texts[0]
    assert "holds: 1" in texts[0]
    targets = [
        reader.get_page_number(note.get_object()["/Dest"][0].get_object()) + 1
        for note in reader.pages[1]["/Annots"]
    ]
    assert targets == [3, 3, 4, 5, 5, 6]
    assert "seen-in-the-first-figure" in texts[2]
    assert "Endpoints of descent. Lines: theory." in texts[2]
    assert "a loose tolerance: holds, registered as fails" in texts[2]
    assert "begincases" in texts[3]  # what cannot be set is read aloud
    for said in ("lower bound", "Version 1", "0.99 [0.97, 1]", "decided at night", "registered as holds"):
        assert said in texts[5]


def test_equal_inputs_give_equal_bytes(filled):
    assert book_of(filled).content == book_of(filled).content


def test_images_stand_in_for_missing_and_damaged_pdfs(filled):
    book = book_of(filled)
    assert book.substitutes["p3_f1_paths"] == "it has no PDF"
    assert book.substitutes["p1_f2_stability"].startswith("its PDF cannot be read")
    assert len(book.substitutes) == 2
    pages = PdfReader(io.BytesIO(book.content)).pages
    drawn = [len(re.findall(rb"/I\d+ Do", page.get_contents().get_data())) for page in pages]
    assert drawn == [0, 0, 0, 1, 1, 0]


def test_texts_stay_within_their_width_and_what_has_no_room_goes_on_the_next_page(filled):
    with styled():
        kind = Type(9)
        lines = lines_of(r"Overlap $R_{11}^2$, of one student with its teacher. " * 12, 200, kind)
        assert len(lines) > 8
        for line in lines:
            words = [run for run in line.runs if not run.is_formula]
            assert words[-1].x + width_of(words[-1].text, kind) <= 200
        (figure,) = (one for one in take_inventory(filled.root).figures if one.id == "p3_f1_paths")
        long = figure.record.model_copy(update={"caption": "Many words that say little. " * 120})
        claims = list(take_inventory(filled.root).claims["laptop"].values()) * 20
        tall = type(figure)(figure.profile, long, figure.files, figure.image_size)
        pages = figure_pages(tall, claims, (486.0, 540.0), 1.4)
    assert len(pages) > 1
    assert all(0 < page.y < HEIGHT and page.room >= 0 for page in pages)
