"""A text notebook as it stands on disk: cells, tags, figures and parameters, read and never executed."""

import ast
import hashlib
import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from companion.settings import notebook_formats
from companion.settings.problems import Problem, SettingsError, did_you_mean, listed, shown_path
from companion.settings.schema import COMMON_PARAMETERS, ParameterSchema, parse_quietly, read_schema

PARAMETERS_TAG = "parameters"

_FIGURE_ID = re.compile(r"[a-z][a-z0-9]*_[a-z]{1,2}\d+[a-z]?_[a-z0-9_]+")
_CELL_MARK = re.compile(r"\s*#\s*%%(%*)(\s.*)?")
_CELL_LINE = re.compile(rb"^\s*#\s*%%", re.MULTILINE)
_MARK_TAGS = re.compile(r'\btags"?\s*[=:]\s*\[([^\]]*)\]')
_QUOTED = re.compile(r'"([^"]*)"')
_HEADING = re.compile(r"#{1,6}\s+(.+?)\s*#*")


@dataclass(frozen=True)
class Cell:
    """One cell: its source, kind, tags, and the line of the file on which its source starts."""

    source: str
    kind: Literal["code", "markdown", "raw"]
    tags: tuple[str, ...]
    line: int

    @property
    def figure_ids(self) -> tuple[str, ...]:
        """Those of its tags that are figure ids."""
        return tuple(tag for tag in self.tags if is_figure_id(tag))


@dataclass(frozen=True)
class Notebook:
    """A notebook as it was on disk, with the schema of its parameters; made by ``read_notebook``."""

    name: str
    path: Path
    schema: ParameterSchema
    text: str = field(repr=False)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Its cells, as jupytext reads them. Raises SettingsError where the file's header is broken."""
        return _read_cells(self.text, shown_path(self.path))

    @property
    def title(self) -> str:
        """First heading of its text, or its name where there is none."""
        for cell in self.cells:
            if cell.kind == "markdown":
                for line in cell.source.splitlines():
                    if heading := _HEADING.fullmatch(line.strip()):
                        return heading[1]
        return self.name

    @property
    def figure_ids(self) -> tuple[str, ...]:
        """Ids of the figures it draws, in the order in which their first cells stand."""
        return tuple(dict.fromkeys(identifier for cell in self.cells for identifier in cell.figure_ids))

    @cached_property
    def code_digest(self) -> str:
        """SHA-256 of what its code cells mean, and of their tags; comments and layout do not count."""
        parts = [
            "\x1f".join((*sorted(cell.tags), _normalised(cell.source)))
            for cell in self.cells
            if cell.kind == "code"
        ]
        meaningful = [part for part in parts if part]
        return hashlib.sha256("\x1e".join(meaningful).encode()).hexdigest()


def is_figure_id(tag: str) -> bool:
    """Whether a cell tag is the id of a figure.

    >>> is_figure_id("p1_f1_loss_histogram"), is_figure_id("parameters")
    (True, False)
    """
    return _FIGURE_ID.fullmatch(tag) is not None


def list_notebooks(folder: Path) -> list[Path]:
    """Files of the notebooks in ``folder``, by name; one without any cell is a module that they import."""
    paths = (path for path in folder.glob("*.py") if not path.name.startswith(("_", ".")))
    return sorted(path for path in paths if _CELL_LINE.search(path.read_bytes()))


def without_figures_other_than(notebook: Notebook, ids: Collection[str]) -> tuple[Cell, ...]:
    """Cells needed to draw the figures ``ids``: all but those tagged with other figures only."""
    return tuple(cell for cell in notebook.cells if not cell.figure_ids or set(cell.figure_ids) & set(ids))


def read_notebook(path: Path) -> Notebook:
    """The notebook in the text file ``path`` (jupytext's py:percent format).

    Raises SettingsError with all that is wrong with its parameters cell, each with its line, and when
    there is no such notebook, no such cell, or more than one.
    """
    file = shown_path(path)
    text = _read_text(path, file)
    found = _parameters_cells(text.splitlines())
    if len(found) != 1:
        raise SettingsError([_count_problem([line for _, line in found], file)])
    [(source, line)] = found
    return Notebook(path.stem, path, read_schema(source, file, line), text)


def _parameters_cells(lines: Sequence[str]) -> list[tuple[str, int]]:
    """Source of each cell tagged ``parameters``, and the line on which it starts.

    Found by its mark alone: importing jupytext takes half a second, too long for every kernel's first cell.
    """
    marks = [index for index in range(len(lines)) if _is_mark(lines, index)] + [len(lines)]
    found: list[tuple[str, int]] = []
    for mark, following in itertools.pairwise(marks):
        tags = _MARK_TAGS.search(lines[mark])
        if tags and PARAMETERS_TAG in _QUOTED.findall(tags[1]) and "[markdown]" not in lines[mark]:
            start = min(_next_line(lines, mark + 1), following)
            found.append(("\n".join(lines[start:following]).rstrip(), start + 1))
    return found


def _read_cells(text: str, file: str) -> tuple[Cell, ...]:
    """Cells of the notebook in ``text``, through jupytext."""
    notebook_formats.prepare()
    import jupytext

    try:
        node = jupytext.reads(text, fmt="py:percent")
    except Exception as error:  # a broken header: jupytext, nbformat and YAML each have their own exceptions
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise SettingsError([Problem(file, 1, None, f"cannot be read as a notebook: {reason}")]) from None
    lines = _source_lines(text.splitlines(), [(cell.cell_type, cell.source) for cell in node.cells])
    return tuple(
        Cell(cell.source, cell.cell_type, tuple(cell.metadata.get("tags", ())), line)
        for cell, line in zip(node.cells, lines, strict=True)
    )


def _read_text(path: Path, file: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        names = [other.stem for other in list_notebooks(path.parent)]
        hint = did_you_mean(path.stem, names)
        raise SettingsError(
            [Problem(file, None, None, "no such notebook", path.stem, listed(names), hint)]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([Problem(file, None, None, f"cannot be read: {error}")]) from None


def _count_problem(tagged: Sequence[int], file: str) -> Problem:
    """Problem of a notebook with no parameters cell, or with several."""
    form = f'one cell that starts with  # %% tags=["{PARAMETERS_TAG}"]'
    if not tagged:
        hint = f"every notebook has the parameters {listed(list(COMMON_PARAMETERS))}"
        return Problem(file, None, None, "has no parameters cell", None, form, hint)
    where = ", ".join(str(line) for line in tagged)
    message = f"has {len(tagged)} parameters cells, on lines {where}"
    return Problem(file, tagged[1], None, message, None, form)


def _source_lines(lines: Sequence[str], cells: Sequence[tuple[str, str]]) -> list[int]:
    """Line (from 1) on which the source of each cell starts; ``cells`` are pairs of kind and source."""
    cursor = _header_length(lines)
    may_lack_mark = True  # only what stands before the first mark is a cell without one
    starts: list[int] = []
    for kind, source in cells:
        if kind == "raw" and cursor > 0 and not starts:  # jupytext keeps an own header as a cell
            starts.append(1)
            continue
        if not may_lack_mark or _is_mark(lines, cursor):
            while cursor < len(lines) and not _is_mark(lines, cursor):
                cursor += 1
            cursor += 1
        may_lack_mark = False
        start = _next_line(lines, cursor) if source else cursor
        if kind == "code":  # of blank lines above the code jupytext keeps some, as part of the source
            start -= source[: len(source) - len(source.lstrip())].count("\n")
        starts.append(start + 1)
        cursor = start + source.count("\n")
    return starts


def _is_mark(lines: Sequence[str], index: int) -> bool:
    return index < len(lines) and _CELL_MARK.fullmatch(lines[index]) is not None


def _next_line(lines: Sequence[str], start: int) -> int:
    """Index of the first line from ``start`` on that is not blank."""
    while start < len(lines) and not lines[start].strip():
        start += 1
    return start


def _header_length(lines: Sequence[str]) -> int:
    """Number of lines of jupytext's YAML header with the blank one below it, 0 where there is none."""
    start = _next_line(lines, 0)
    if start < len(lines) and lines[start].strip() == "# ---":
        for index in range(start + 1, len(lines)):
            if lines[index].strip() == "# ---":
                return index + 1 + (not "".join(lines[index + 1 : index + 2]).strip())
    return 0


def _normalised(source: str) -> str:
    """Source without comments and layout; as it stands where it is not plain Python (magics)."""
    try:
        return ast.unparse(parse_quietly(source))
    except (SyntaxError, ValueError):
        return source.strip()
