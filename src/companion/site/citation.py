"""BibTeX of the papers and of this software, from CITATION.cff."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from companion.site.formats import arxiv_identifier
from companion.site.papers import Paper

_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0308": '"',
    "\u030c": "v ",
    "\u0327": "c ",
}
_SPECIAL = re.compile(r"([#$%&_])")
_ARTICLES = frozenset({"a", "an", "the"})


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Author(_Form):
    family: str = Field("", alias="family-names")
    given: str = Field("", alias="given-names")
    name: str = ""

    @property
    def bibtex(self) -> str:
        if self.given and self.family:
            return f"{_latex(self.family)}, {_latex(self.given)}"
        return f"{{{_latex(self.family or self.name)}}}"  # whole: no part of it is a first name


class _Identifier(_Form):
    value: str = ""


class _Work(_Form):
    title: str
    authors: tuple[_Author, ...] = Field(min_length=1)
    year: int | None = None
    version: str | None = None
    released: str | None = Field(None, alias="date-released")
    identifiers: tuple[_Identifier, ...] = ()
    references: tuple["_Work", ...] = ()

    @property
    def arxiv(self) -> str | None:
        return next(filter(None, (arxiv_identifier(one.value) for one in self.identifiers)), None)


@dataclass(frozen=True)
class Citations:
    """BibTeX entries: of the software, and of each paper by its arXiv id; empty where CITATION.cff has none."""

    software: str = ""
    papers: Mapping[str, str] = field(default_factory=dict)

    def of(self, paper: Paper) -> str:
        """What to cite beside a figure of ``paper``: the paper, if there is one, and the software."""
        return "\n".join(filter(None, (self.papers.get(paper.arxiv or ""), self.software)))

    @property
    def everything(self) -> str:
        """All entries, each once."""
        return "\n".join(filter(None, (*self.papers.values(), self.software)))


def read_citations(root: Path) -> tuple[Citations, list[str]]:
    """The citations of the project at ``root``, and what is wrong with its CITATION.cff."""
    path = root / "CITATION.cff"
    if not path.is_file():
        return Citations(), []
    try:
        content: Any = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        for work in (content, *content.get("references", ())):
            if "date-released" in work:
                work["date-released"] = str(work["date-released"])  # YAML makes a date of it
        software = _Work.model_validate(content)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return Citations(), [f"CITATION.cff: {told}"]
    except (OSError, YAMLError, UnicodeDecodeError, AttributeError, TypeError) as error:
        return Citations(), [f"CITATION.cff: {error}"]
    papers = {work.arxiv: _entry(work) for work in software.references if work.arxiv}
    return Citations(_entry(software), papers), []


def _entry(work: _Work) -> str:
    kind = "article" if work.arxiv else "misc"
    lines = "".join(f"  {name:<13} = {{{text}}},\n" for name, text in _fields(work))
    return f"@{kind}{{{_key(work)},\n{lines}}}\n"


def _fields(work: _Work) -> Iterator[tuple[str, str]]:
    yield "title", f"{{{_latex(work.title)}}}"
    yield "author", " and ".join(author.bibtex for author in work.authors)
    if (year := _year(work)) is not None:
        yield "year", year
    if work.arxiv:
        yield "journal", f"arXiv preprint arXiv:{work.arxiv}"
        yield "eprint", work.arxiv
        yield "archivePrefix", "arXiv"
    else:
        yield "howpublished", f"Software, version {_latex(work.version)}" if work.version else "Software"


def _year(work: _Work) -> str | None:
    return str(work.year) if work.year else (work.released or "")[:4] or None


def _key(work: _Work) -> str:
    """Family name, year, first word of the title; of software the first word alone."""
    words = [word for word in re.findall(r"[a-z]+", _plain(work.title)) if word not in _ARTICLES]
    if not work.arxiv:
        return words[0] if words else "software"
    family = "".join(re.findall(r"[a-z]+", _plain(work.authors[0].family or work.authors[0].name)))
    return f"{family}{_year(work) or ''}{words[0] if words else ''}"


def _plain(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if letter.isascii()).lower()


def _latex(text: str) -> str:
    r"""Text as BibTeX's own 8-bit programs take it.

    >>> _latex("Dominé & Lee")
    "Domin{\\'e} \\& Lee"
    """
    letters: list[str] = []
    for letter in unicodedata.normalize("NFD", text):
        if letter in _ACCENTS and letters:
            letters[-1] = f"{{\\{_ACCENTS[letter]}{letters[-1]}}}"
        else:
            letters.append(_SPECIAL.sub(r"\\\1", letter))
    return unicodedata.normalize("NFC", "".join(letters))
