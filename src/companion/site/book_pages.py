"""The pages of the book: title, contents, one or more per figure, the table of claims. Lengths are in points."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.claims.display import SYMBOLS
from companion.figures.style import GREY, PALETTE
from companion.site.inventory import PROFILES, DrawnFigure
from companion.site.papers import paper_of
from companion.site.records import ClaimEntry
from companion.site.typeset import Line, Type, equation_text, lines_of, width_of
from companion.site.verdicts import ClaimRow, counted, measured, short_name

#: A4, whose margins leave a figure of the text's width as it is.
WIDTH, HEIGHT = 595.28, 841.89
TEXT_WIDTH = 486.0
LEFT = (WIDTH - TEXT_WIDTH) / 2
TOP, BOTTOM = HEIGHT - 52.0, 50.0

_COLOURS = {"holds": PALETTE["green"], "fails": PALETTE["vermilion"], "inconclusive": PALETTE["plum"]}
_HUGE, _HEADING, _TITLE = Type(22, "bold"), Type(13, "bold"), Type(11.5, "bold")
_TEXT, _SMALL, _FAINT = Type(9), Type(7.5), Type(7.5, colour=GREY)
_SMALLEST_SCALE = (
    0.75  # a figure is made smaller than it is for its claims to stay on its page, but not below
)
_GAP = 8.0
#: The columns of the table of claims: where each begins, and how wide it is.
_COLUMNS = {"Claim": (0, 152), "Criterion": (162, 146), "Value": (318, 104), "Verdict": (432, 54)}


@dataclass
class Page:
    """What stands on one page: lines with their base, rules, a place for a picture, links by place in the body."""

    running: str = ""
    lines: list[tuple[float, float, Line]] = field(default_factory=list)
    rules: list[float] = field(default_factory=list)
    links: list[tuple[tuple[float, float, float, float], int]] = field(default_factory=list)
    place: tuple[float, float, float, float] | None = None
    y: float = TOP

    @property
    def room(self) -> float:
        """What is left above the lower margin."""
        return self.y - BOTTOM

    def put(self, lines: Iterable[Line], x: float = LEFT) -> None:
        """Set ``lines`` below what stands here already."""
        for line in lines:
            self.lines.append((x, self.y - line.ascent, line))
            self.y -= line.height

    def drawn(self, number: int | None) -> Figure:
        """The page as a drawing, with its running foot and ``number``."""
        drawing = Figure(figsize=(WIDTH / 72, HEIGHT / 72))
        for x, base, line in self.lines:
            line.draw(drawing, x, base)
        for y in self.rules:
            ends = [LEFT / WIDTH, 1 - LEFT / WIDTH]
            drawing.add_artist(Line2D(ends, [y / HEIGHT] * 2, linewidth=0.4, color=GREY))
        if number is not None:
            _right(str(number), _FAINT).draw(drawing, LEFT, 30)
            for line in lines_of(self.running, TEXT_WIDTH - 40, _FAINT):
                line.draw(drawing, LEFT, 30)
        return drawing

    def place_in_figure(self) -> tuple[float, float, float, float]:
        """The place for the picture, in fractions of the page. Raises ValueError where there is none."""
        if self.place is None:
            raise ValueError("this page has no place for a picture")
        x, y, width, height = self.place
        return x / WIDTH, y / HEIGHT, width / WIDTH, height / HEIGHT


def title_page(profile: str, figures: Sequence[DrawnFigure], rows: Sequence[ClaimRow]) -> Page:
    """What the book is, at which profile, and how its claims fared."""
    page = Page(y=HEIGHT - 230)
    page.put(lines_of("Figures and claims", TEXT_WIDTH, _HUGE))
    page.y -= 10
    about = f" ({PROFILES[profile]})" if profile in PROFILES else ""
    page.put(lines_of(f"Profile {profile}{about}", TEXT_WIDTH, Type(12)))
    page.y -= 24
    page.put(lines_of(numbered(len(figures), "figure") + " by paper:", TEXT_WIDTH, Type(10)))
    for paper, some in groupby(figures, key=lambda figure: figure.paper):
        source = f", arXiv:{paper.arxiv}" if paper.arxiv else ""
        title = "" if paper.title == paper.label else f": {paper.title}"
        text = f"{paper.label}{title}{source}; {numbered(len(list(some)), 'figure')}"
        page.put(lines_of(text, TEXT_WIDTH, Type(10), indent=12))
    page.y -= 14
    page.put(lines_of(numbered(len(rows), "claim") + ", each with a verdict:", TEXT_WIDTH, Type(10)))
    for verdict, count in counted([row.entry.verdict for row in rows]).items():
        page.put(lines_of(f"{SYMBOLS[verdict]} {verdict}: {count}", TEXT_WIDTH, _verdict(verdict, 10), 12))
    return page


def contents_pages(listed: Sequence[tuple[int, str, int]], before: int) -> list[Page]:
    """Entries (level, title, page in the body from 0) with their pages; ``before`` pages precede the body."""
    pages = [Page("Contents")]
    pages[0].put(lines_of("Contents", TEXT_WIDTH, _HEADING))
    for level, title, target in listed:
        lines = lines_of(title, TEXT_WIDTH - 40, _TEXT if level else Type(9.5, "bold"), indent=12 * level)
        gap = 0 if level else _GAP
        if pages[-1].room < gap + sum(line.height for line in lines) + (0 if level else 24):
            pages.append(Page("Contents"))
        page = pages[-1]
        page.y -= gap
        upper = page.y
        page.put(lines)
        page.lines.append((LEFT, page.lines[-1][1], _right(str(before + target + 1), _TEXT)))
        page.links.append(((LEFT, page.y, LEFT + TEXT_WIDTH, upper), target))
    return pages


def figure_pages(
    figure: DrawnFigure, claims: Sequence[ClaimEntry], size: tuple[float, float], enlarged: float
) -> list[Page]:
    """Title, place for a picture of ``size`` (at most ``enlarged``), caption, equation, claims; on more if need be."""
    record = figure.record
    page = Page(f"{figure.paper.label} · {figure.id} · {figure.profile}")
    page.put(lines_of(figure.title, TEXT_WIDTH, _TITLE))
    page.y -= 6
    blocks = [lines_of(record.caption, TEXT_WIDTH, _TEXT)]
    blocks += [lines_of(equation_text(record.equation), TEXT_WIDTH, Type(10), 24)] if record.equation else []
    said = [_claim_lines(entry) for entry in claims]
    fixed = sum(_height(block) + _GAP for block in blocks)
    width, height = size
    natural = min(TEXT_WIDTH / width, enlarged, max(0.2, (page.room - fixed - _GAP) / height))
    beside = (page.room - fixed - _GAP - sum(_height(block) + _GAP for block in said)) / height
    scale = min(natural, beside) if beside >= _SMALLEST_SCALE * natural else natural
    page.y -= scale * height
    page.place = (LEFT + (TEXT_WIDTH - scale * width) / 2, page.y, scale * width, scale * height)
    pages = [page]
    for block in [*blocks, *said]:
        if pages[-1].room < _GAP + _height(block):
            pages.append(Page(page.running))
        pages[-1].y -= _GAP
        pages[-1].put(block)
    return pages


def claim_pages(rows: Sequence[ClaimRow]) -> list[Page]:
    """The table of claims by paper: statement, criterion and version, value with interval, verdict."""
    pages = [_table_page("Claims")]
    for paper, some in groupby(rows, key=lambda row: paper_of(row.id)):
        title = paper.label if paper.label == paper.title else f"{paper.label} · {paper.title}"
        heading = lines_of(title, TEXT_WIDTH, Type(9.5, "bold"))
        for row in some:
            cells = _cells(row)
            height = max(map(_height, cells.values())) + 10
            if pages[-1].room < height + _height(heading) + _GAP * bool(heading):
                pages.append(_table_page("Claims, continued"))
            page = pages[-1]
            page.y -= _GAP * bool(heading)
            page.put(heading)
            heading = []
            upper = page.y - 4
            for name, lines in cells.items():
                page.y = upper
                page.put(lines, LEFT + _COLUMNS[name][0])
            page.y = upper - height + 4
            page.rules.append(page.y)
    return pages


def _table_page(title: str) -> Page:
    page = Page("Claims")
    page.put(lines_of(title, TEXT_WIDTH, _HEADING))
    page.y -= 4
    upper = page.y
    for name, (x, width) in _COLUMNS.items():
        page.y = upper
        page.put(lines_of(name, width, Type(7.5, "bold")), LEFT + x)
    page.y -= 3
    page.rules.append(page.y)
    return page


def _cells(row: ClaimRow) -> dict[str, list[Line]]:
    entry = row.entry
    width = {name: column[1] for name, column in _COLUMNS.items()}
    statement = [
        *lines_of(entry.id, width["Claim"], _FAINT),
        *lines_of(entry.statement, width["Claim"], _SMALL),
    ]
    source = lines_of(f"Source: {entry.source}" if entry.source else "", width["Claim"], _FAINT)
    version = f"Version {entry.version}" + (f"; {row.changed}" if row.changed else "")
    criterion = [*lines_of(entry.criterion, width["Criterion"], _SMALL)]
    verdict = lines_of(
        f"{SYMBOLS[entry.verdict]} {entry.verdict}", width["Verdict"], _verdict(entry.verdict, 7.5)
    )
    remarks = [_expectation(entry), "" if entry.decides else row.standing]
    return {
        "Claim": [*statement, *source],
        "Criterion": [*criterion, *lines_of(version, width["Criterion"], _FAINT)],
        "Value": lines_of(measured(entry), width["Value"], _SMALL),
        "Verdict": [*verdict, *(line for one in remarks for line in lines_of(one, width["Verdict"], _FAINT))],
    }


def _claim_lines(entry: ClaimEntry) -> list[Line]:
    """A claim below its figure: symbol and verdict, statement, what was measured, regimes gone otherwise."""
    kind = _verdict(entry.verdict, 8.5)
    said = f"{SYMBOLS[entry.verdict]} {short_name(entry.id)} {entry.verdict}"
    remarks = [_expectation(entry)]
    if entry.deciding_profile and not entry.decides:
        remarks.append(f"decided at {entry.deciding_profile}")
    said += "".join(f", {remark}" for remark in remarks if remark)
    lines = lines_of(said, TEXT_WIDTH, kind)
    lines += lines_of(entry.statement or entry.id, TEXT_WIDTH, Type(8.5), 12)
    lines += lines_of(measured(entry), TEXT_WIDTH, _FAINT, 12)
    for regime in entry.regimes:
        if regime.unexpected:
            text = f"{regime.description or regime.name}: {regime.verdict}, registered as {regime.expected}"
            lines += lines_of(text, TEXT_WIDTH, _FAINT, 12)
    return lines


def _expectation(entry: ClaimEntry) -> str:
    if entry.unexpected:
        return f"registered as {entry.expected}"
    return "as registered" if entry.verdict == entry.expected == "fails" else ""


def _verdict(verdict: str, size: float) -> Type:
    return Type(size, "bold", _COLOURS.get(verdict, GREY))


def _right(text: str, type: Type) -> Line:
    (line,) = lines_of(text, TEXT_WIDTH, type)
    return line.moved(TEXT_WIDTH - width_of(text, type))


def _height(lines: Iterable[Line]) -> float:
    return sum(line.height for line in lines)


def numbered(count: int, noun: str) -> str:
    """``count`` with its noun: "1 figure", "2 figures"."""
    return f"{count} {noun}" + "s" * (count != 1)
