"""A project on disk with figures, verdicts and runs, as the rest of the package would have left it."""

import base64
import json
from collections.abc import Callable
from functools import lru_cache
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import pytest
from matplotlib.figure import Figure
from nbformat import v4

from companion.site.build import build_site

KEY = "3f" * 16
CITATION = """
title: "tool: all of it"
authors: [{name: The tool makers}]
references:
  - title: Sharp description
    authors: [{family-names: Huang, given-names: Jie}]
    year: 2026
    identifiers: [{type: other, value: "arXiv:2604.09412"}]
"""


@lru_cache(maxsize=1)
def small_png() -> bytes:
    """A real PNG, 60 by 40 pixels."""
    drawing = Figure(figsize=(0.6, 0.4), dpi=100)
    drawing.subplots().plot([0, 1], [1, 0])
    buffer = BytesIO()
    drawing.savefig(buffer, format="png")
    return buffer.getvalue()


class SmallProject:
    """Adds to a project under ``root`` what figures, claims and runs leave there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, content: Any) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            text = content if isinstance(content, str) else json.dumps(content)
            path.write_text(text, encoding="utf-8")
        return path

    def description(
        self, identifier: str = "p1_f1_losses", profile: str = "laptop", **changes: Any
    ) -> dict[str, Any]:
        """What the JSON beside a figure holds."""
        record = {
            "id": identifier,
            "title": "Losses at $K = 10$",
            "caption": "Endpoints of descent. Lines: theory.",
            "equation": r"L = \frac{1}{2}",
            "claims": [],
            "notebook": "p1_relu_landscape",
            "profile": profile,
            "parameters": {"seed": 3, "students": [8, 10]},
            "data_key": KEY,
            "data_function": "basin_census",
            "data_digest": "ab" * 32,
            "keys": [KEY],
            "seed": 3,
            "device": "cpu",
        }
        return record | changes

    def figure(self, identifier: str = "p1_f1_losses", profile: str = "laptop", **changes: Any) -> None:
        pdf = changes.pop("pdf", True)
        stem = f"figures/{profile}/{identifier}"
        self.write(f"{stem}.json", self.description(identifier, profile, **changes))
        self.write(f"{stem}.png", small_png())
        self.write(f"{stem}.csv", "a,b\n1,2\n")
        if pdf:
            self.write(f"{stem}.pdf", b"%PDF-1.4")

    def drawn(
        self,
        identifier: str = "p1_f1_losses",
        profile: str = "laptop",
        *,
        now: dict[str, Any],
        before: dict[str, Any] | None = None,
    ) -> None:
        """The record of a figure's last two drawings on this machine."""
        usual = {"notebook": "p1_relu_landscape", "device": "cpu", "seconds": 12.0, "verdicts": {}}
        drawings = {
            "now": usual | {"finished": 120.0} | now,
            "before": before and usual | {"finished": 60.0} | before,
        }
        self.write(f"build/runs/{profile}/drawn/{identifier}.json", drawings)

    def result(self, key: str = KEY, function: str = "basin_census", **changes: Any) -> None:
        """A result in the project's store: a manifest, and a file of 1000 bytes."""
        manifest = {
            "key": key,
            "function": function,
            "used": {},
            "made": {"time": 1000.0},
            "cost": {"cpu_seconds": 36.0, "wall_seconds": 40.0, "peak_memory_kib": 500_000},
        }
        self.write(f"build/store/{function}/{key}/result.nc", b"0" * 1000)
        self.write(f"build/store/{function}/{key}/manifest.json", manifest | changes)

    def claims(self, profile: str = "laptop", **entries: dict[str, Any]) -> None:
        self.write(f"figures/{profile}/claims.json", entries)

    def run(self, notebook: str = "p1_relu_landscape", profile: str = "laptop", **changes: Any) -> None:
        record = {
            "notebook": notebook,
            "parameters": {"seed": 3, "students": [8, 10]},
            "origins": {"seed": "--set", "students": f"params/{notebook}/{profile}.yaml:4"},
            "keys": {KEY: "basin_census"},
            "figures": ["p1_f1_losses"],
            "claims": [],
            "device": "cpu",
            "seconds": 83.2,
            "finished": 1790000000.0,
            "environment": {"commit": "0123abcd+changes", "host": "node12", "versions": {"numpy": "2.4.6"}},
        }
        self.write(f"build/runs/{profile}/{notebook}.record.json", record | changes)

    def notebook(self, *cells: Any, name: str = "p1_relu_landscape", profile: str = "laptop") -> Path:
        """An executed notebook."""
        path = self.root / "build" / "runs" / profile / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(v4.new_notebook(cells=list(cells)), path)
        return path

    def text(self, source: str) -> Any:
        """A Markdown cell."""
        return v4.new_markdown_cell(source)

    def code(self, source: str, *outputs: Any, tags: tuple[str, ...] = ()) -> Any:
        """An executed code cell."""
        return v4.new_code_cell(
            source, metadata={"tags": list(tags)}, outputs=list(outputs), execution_count=1
        )

    def shown(self, **data: str) -> Any:
        """An output with one representation per keyword; ``__`` stands for the slash of its type."""
        return v4.new_output(
            "display_data", data={kind.replace("__", "/"): text for kind, text in data.items()}
        )

    def drawing(self) -> Any:
        """An output that is an image."""
        image = base64.b64encode(small_png()).decode()
        return self.shown(image__png=image, text__plain="<Figure>")

    def claim(self, identifier: str = "p1_c1_minima", **changes: Any) -> dict[str, Any]:
        """An entry of claims.json."""
        entry = {
            "id": identifier,
            "statement": "At $K = M$ the endpoints are known.",
            "quantity": "share of endpoints",
            "criterion": "lower bound $\\ge 0.95$",
            "version": 1,
            "digest": "aa",
            "source": "2604.09412",
            "note": "",
            "figure": "p1_f1_losses",
            "deterministic": False,
            "expected": "holds",
            "profile": "laptop",
            "deciding_profile": "laptop",
            "decides": True,
            "verdict": "holds",
            "value": 0.99,
            "interval": [0.97, 1.0],
            "value_text": "",
            "replicates": 412,
            "root_seed": 3,
            "seeds": "exploratory",
            "regimes": [],
            "notes": [],
        }
        return entry | changes

    def regime(
        self, verdict: str, expected: str = "fails", description: str = "a loose tolerance"
    ) -> dict[str, Any]:
        """What was found in a registered regime."""
        return {
            "name": description.replace(" ", "_"),
            "description": description,
            "expected": expected,
            "verdict": verdict,
            "value_text": "",
        }


@pytest.fixture(scope="session")
def new_project() -> type[SmallProject]:
    """Makes projects in folders that a test names."""
    return SmallProject


@pytest.fixture
def small_project(tmp_path: Path) -> SmallProject:
    return SmallProject(tmp_path)


VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"}


class Page(HTMLParser):
    """A page as a strict reader sees it; raises AssertionError where elements are not closed in order."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self.open, f"{path}: {self.open} never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, _plain(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, _plain(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


def _plain(attributes: list[tuple[str, str | None]]) -> dict[str, str]:
    return {name: value or "" for name, value in attributes}


def pages_of(site: Path) -> dict[str, Page]:
    return {str(path.relative_to(site)): Page(path) for path in sorted(site.rglob("*.html"))}


def fill(make: SmallProject) -> SmallProject:
    """A project where everything was run, some of it badly."""
    make.figure(claims=["p1_c1_minima"])
    make.figure("p1_f2_stability", title="<b>Stability</b> & more", caption="a < b", equation=None, pdf=False)
    make.figure("zz_f1_mine", notebook="mine", caption="", parameters={}, data_key=None, keys=[])
    make.figure(profile="smoke", claims=["p1_c1_minima"])
    make.claims(
        p1_c1_minima=make.claim(
            criterion_changed=True,
            criterion_was={"criterion": "x", "version": 0},
            seeds="confirmatory",
            regimes=[
                make.regime("holds", description="at $K=1$"),
                make.regime("fails", description="a short run"),
            ],
        ),
        p1_c2_windows=make.claim(
            "p1_c2_windows", verdict="fails", deterministic=True, figure="p1_f2_stability", source="a talk"
        ),
        p3_c1_later=make.claim(
            "p3_c1_later",
            verdict="not evaluated",
            value=None,
            interval=None,
            figure="p3_f1_none",
            notes=["needs night"],
            deciding_profile="night",
            decides=False,
        ),
    )
    make.claims("smoke", p1_c1_minima=make.claim(verdict="inconclusive", decides=False, value=None))
    make.run()
    make.result()
    make.write("CITATION.cff", CITATION)
    night: dict[str, Any] = {"profile": "night", "claims": ["p1_c1_minima"], "data_key": "n1", "keys": ["n1"]}
    make.figure(**night, parameters={"seed": 3})
    make.drawn(
        profile="night",
        now={
            "figure": make.description(**night, parameters={"seed": 3}),
            "only": ["p1_f1_losses"],
            "environment": {"commit": "89ef", "versions": {"numpy": "2.4.6"}},
        },
        before={
            "figure": make.description(**night, parameters={"seed": 2}),
            "environment": {"commit": "89ef", "versions": {"numpy": "2.4.5"}},
        },
    )
    make.notebook(
        make.text("# Minima\n\n$$x$$ [paper](https://arxiv.org/abs/1) ![away](https://x.org/a.png)"),
        make.code(
            "draw()",
            make.drawing(),
            make.shown(text__html="<table><tr><td>1</td></tr></table>"),
            tags=("p1_f1_losses",),
        ),
    )
    make.notebook(make.text("no heading"), make.code("1/0"), name="mine.failed")
    failure = {
        "cell": 2,
        "line": 40,
        "ename": "ValueError",
        "evalue": "<W>",
        "source": "f()",
        "traceback": ["\x1b[31ma\x1b[0m"],
    }
    notebooks = [{"name": "p1_relu_landscape", "failure": None}, {"name": "mine", "failure": failure}]
    make.write("build/runs/laptop/summary.json", {"notebooks": notebooks})
    return make


@pytest.fixture(scope="session")
def read_pages() -> Callable[[Path], dict[str, Page]]:
    """Reads every page below a site's folder, by its place there."""
    return pages_of


@pytest.fixture
def full(small_project: SmallProject) -> SmallProject:
    return fill(small_project)


@pytest.fixture(scope="session")
def site(new_project: type[SmallProject], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery that tests only read."""
    return build_site(fill(new_project(tmp_path_factory.mktemp("full"))).root).parent


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Page]:
    return pages_of(site)
